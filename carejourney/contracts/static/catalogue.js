"use strict";
(() => {
  const form = document.getElementById("search");
  const words = document.getElementById("words");
  const selects = ["family", "topic", "owner"].map((name) => document.getElementById(name));
  const status = document.getElementById("found");
  const facts = [...document.querySelectorAll("article[data-found-by]")];
  const groups = [...document.querySelectorAll("section[data-group]")];

  const fits = (fact, wanted) =>
    wanted.every((word) => fact.dataset.foundBy.includes(word)) &&
    selects.every((select) => !select.value || fact.dataset[select.id].split(" ").includes(select.value));

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const fact of facts) {
      fact.hidden = !fits(fact, wanted);
      count += fact.hidden ? 0 : 1;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector("article:not([hidden])");
    }
    status.textContent = count === 1 ? "1 fact" : `${count} facts`;
  };

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      form.reset();
      show();
    }
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView();
  };

  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  show();
  reveal();
})();
