"use strict";
(() => {
  const MOST = 50, FEWEST = 2, PAUSE = 200;
  const FLAGS = 8, LABELS = [[1, "applied"], [2, "negated"], [4, "generated"]];
  const box = document.getElementById("lookup-id");
  const status = document.getElementById("lookup-status");
  const list = document.getElementById("lookup-found");
  let techniques = null, models = [], keys = [], timer = 0;

  function load() {
    if (techniques) return;
    const data = JSON.parse(document.getElementById("lookup-data").textContent);
    techniques = data.techniques;
    models = data.models ? data.models.split("\n").map((line) => line.split("\t")) : [];
    keys = models.map((model) => model[0].toLowerCase());
  }

  function describe(number) {
    const labels = LABELS.filter(([bit]) => number % FLAGS & bit).map(([, label]) => label);
    return techniques[Math.floor(number / FLAGS)] + (labels.length ? " (" + labels.join(", ") + ")" : "");
  }

  function item([id, numbers]) {
    const line = document.createElement("li");
    const name = document.createElement("bdi");
    name.className = "hash";
    name.textContent = id;
    line.append(name, ": " + numbers.split(",").map((n) => describe(Number(n))).join(" · "));
    return line;
  }

  function search() {
    const wanted = box.value.trim().toLowerCase();
    list.replaceChildren();
    if (wanted.length < FEWEST) {
      status.textContent = wanted ? "Type at least two characters." : "";
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
    if (!total) status.textContent = "No model whose card cites a technique has this in its id.";
    else if (total > found.length) status.textContent = total.toLocaleString("en") + " models; the " + found.length + " most downloaded are shown.";
    else status.textContent = total === 1 ? "1 model." : total + " models.";
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  document.getElementById("lookup-box").hidden = false;
  document.getElementById("lookup-off").hidden = true;
  if (box.value) search();
})();
