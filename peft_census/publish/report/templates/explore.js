"use strict";
(() => {
  const FEW = 30, COLUMNS = 6, ALL = "-1";
  const data = JSON.parse(document.getElementById("explore-data").textContent);
  const status = document.getElementById("explore-status");
  const head = document.getElementById("explore-head");
  const body = document.getElementById("explore-body");
  const human = document.getElementById("explore-human");
  const hint = document.getElementById("explore-hint");
  const across = document.getElementById("explore-across");
  const filters = data.dimensions.map((dimension, place) => {
    const label = document.createElement("label"), select = document.createElement("select");
    label.textContent = dimension.label;
    select.append(new Option("all", ALL), ...dimension.values.map((value, number) => new Option(value, number)));
    select.addEventListener("change", draw);
    label.append(select);
    document.getElementById("explore-filters").append(label);
    across.append(new Option(dimension.label, place));
    return select;
  });

  function cell(kind, text, scope) {
    const made = document.createElement(kind);
    made.textContent = text;
    if (scope) made.scope = scope;
    return made;
  }

  function draw() {
    const wanted = filters.map((select) => Number(select.value));
    const rule = human.checked ? 1 : 0, place = Number(across.value);
    const rows = data.rows.filter((row) => row[0] === rule && wanted.every((value, i) => value < 0 || row[2 + i] === value));
    const sums = new Map(), totals = new Map();
    let all = 0;
    for (const row of rows) {
      const cards = row[row.length - 1], column = place < 0 ? null : row[2 + place];
      const mine = sums.get(row[1]) || new Map();
      sums.set(row[1], mine);
      for (const key of place < 0 ? ["all"] : ["all", column]) mine.set(key, (mine.get(key) || 0) + cards);
      if (place >= 0) totals.set(column, (totals.get(column) || 0) + cards);
      all += cards;
    }
    const largest = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a) || a - b).slice(0, COLUMNS).sort((a, b) => a - b);
    const columns = ["all", ...largest];
    totals.set("all", all);
    const names = columns.map((key) => (key === "all" ? "All these cards" : data.dimensions[place].values[key]));
    const line = document.createElement("tr");
    line.append(cell("th", "Technique", "col"));
    columns.forEach((key, i) => {
      const title = cell("th", names[i], "col");
      title.append(cell("small", totals.get(key).toLocaleString("en") + (totals.get(key) === 1 ? " card" : " cards")));
      line.append(title);
    });
    head.replaceChildren(line);
    const order = [...sums.keys()].sort((a, b) => sums.get(b).get("all") - sums.get(a).get("all") || a - b);
    body.replaceChildren(...order.map((technique) => {
      const made = document.createElement("tr");
      made.append(cell("th", data.techniques[technique], "row"));
      for (const key of columns) {
        const cards = sums.get(technique).get(key) || 0, base = totals.get(key);
        const share = 100 * cards / base;
        const text = base < FEW || !cards ? "" : cards && share < 0.1 ? "<0.1%" : cards < base && share >= 99.95 ? ">99.9%" : (share < 0.995 ? share.toPrecision(2) : share.toFixed(1)) + "%";
        const made_cell = cell("td", text || cards.toLocaleString("en"));
        if (text) made_cell.append(cell("small", cards.toLocaleString("en")));
        made.append(made_cell);
      }
      return made;
    }));
    hint.style.display = hint.nextElementSibling.scrollWidth > hint.nextElementSibling.clientWidth ? "block" : "none";
    status.textContent = all.toLocaleString("en") + (all === 1 ? " card" : " cards") + ", " + order.length + (order.length === 1 ? " technique." : " techniques.")
      + (totals.size - 1 > largest.length ? " The " + largest.length + " largest groups are shown." : "");
  }

  human.addEventListener("change", draw);
  across.addEventListener("change", draw);
  document.getElementById("explore-reset").addEventListener("click", () => {
    filters.forEach((select) => { select.value = ALL; });
    across.value = ALL;
    human.checked = false;
    draw();
  });
  document.getElementById("explore-box").hidden = false;
  document.getElementById("explore-off").hidden = true;
  draw();
})();
