"use strict";
(() => {
  const MOST = 50, LEAST = 2, PAUSE = 200;
  const FLAGS = 8, WORDS = [[1, "applied"], [2, "denied"], [4, "written by a tool"]];
  const box = document.getElementById("lookup-id");
  const said = document.getElementById("lookup-said");
  const list = document.getElementById("lookup-found");
  let techniques = null, models = [], keys = [], timer = 0;

  function load() {
    if (techniques) return;
    const data = JSON.parse(document.getElementById("lookup-data").textContent);
    techniques = data.techniques;
    models = data.models ? data.models.split("\n").map((line) => line.split("\t")) : [];
    keys = models.map((model) => model[0].toLowerCase());
  }

  function words(number) {
    const told = WORDS.filter(([bit]) => number % FLAGS & bit).map(([, word]) => word);
    return techniques[Math.floor(number / FLAGS)] + (told.length ? " (" + told.join(", ") + ")" : "");
  }

  function item([id, numbers]) {
    const line = document.createElement("li");
    const name = document.createElement("bdi");
    name.className = "hash";
    name.textContent = id;
    line.append(name, ": " + numbers.split(",").map((n) => words(Number(n))).join(" · "));
    return line;
  }

  function search() {
    const wanted = box.value.trim().toLowerCase();
    list.replaceChildren();
    if (wanted.length < LEAST) {
      said.textContent = wanted ? "Type at least two characters." : "";
      return;
    }
    load();
    const found = [];
    let total = 0;
    keys.forEach((key, place) => {
      if (!key.includes(wanted)) return;
      total += 1;
      if (found.length < MOST) found.push(models[place]);
    });
    list.append(...found.map(item));
    if (!total) said.textContent = "No model whose card cites a technique has this in its id.";
    else if (total > found.length) said.textContent = total.toLocaleString("en") + " models; the " + found.length + " most downloaded are shown.";
    else said.textContent = total === 1 ? "1 model." : total + " models.";
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  document.getElementById("lookup-box").hidden = false;
  document.getElementById("lookup-off").hidden = true;
  if (box.value) search();
})();
