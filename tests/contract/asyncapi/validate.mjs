// Says whether the official parser takes an AsyncAPI document: one JSON line, exit status 1 where it does not.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const ERROR = 0;
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("/"), severity }));
const channels = document ? document.allChannels().all().length : 0;
const messages = document ? document.allMessages().all().length : 0;
console.log(JSON.stringify({ channels, messages, diagnostics: found }));
process.exitCode = !document || found.some(({ severity }) => severity === ERROR) ? 1 : 0;
