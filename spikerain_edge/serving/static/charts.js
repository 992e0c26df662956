// Draws the figures of the latest minutes and the firing rates.

const POINTS = 300;
const WIDTH = 300;
const HEIGHT = 60;
// Firing rates at which the heat changes its colour, as in the report of `profile`.
const HEAT = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
const SVG = "http://www.w3.org/2000/svg";

export function rounded(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export class Chart {
  #figure;
  #values;
  #step;

  constructor(figure, values, step) {
    this.#figure = figure;
    this.#values = values.slice(-POINTS);
    this.#step = step;
    this.#draw();
  }

  add(value) {
    this.#values.push(value);
    if (this.#values.length > POINTS) this.#values.shift();
    this.#draw();
  }

  #draw() {
    const figure = this.#figure;
    const known = this.#values.filter((value) => value !== null);
    const latest = this.#values.at(-1) ?? null;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const top = Math.max(high * 1.15, 1e-9);
    const place = (value, index) => {
      const x = WIDTH - (this.#values.length - 1 - index) * (WIDTH / (POINTS - 1));
      return [x.toFixed(1), (HEIGHT - (value / top) * HEIGHT).toFixed(1)];
    };
    const runs = unbroken(this.#values).map((run) => run.map(([v, i]) => place(v, i)));
    const line = runs.map((run) => `M${run.map((point) => point.join(" ")).join("L")}`);
    const area = runs.map(
      (run, i) => `${line[i]}L${run.at(-1)[0]} ${HEIGHT}L${run[0][0]} ${HEIGHT}Z`,
    );
    figure.querySelector(".line").setAttribute("d", line.join(""));
    figure.querySelector(".area").setAttribute("d", area.join(""));
    figure.querySelector(".number").textContent = rounded(latest);
    const title = figure.querySelector("figcaption").firstChild.textContent.trim();
    const unit = figure.querySelector(".unit").textContent;
    const range = known.length ? `${rounded(low)} to ${rounded(high)}` : "";
    const label = known.length ? `${rounded(latest)} ${unit}, ${range}` : "no figure yet";
    figure.querySelector("svg").setAttribute("aria-label", `${title}: ${label}`);
    figure.querySelector(".range").textContent = range;
    figure.querySelector(".span").textContent = span(this.#values.length * this.#step);
  }
}

// Values with their places, in runs without unknown ones.
function unbroken(values) {
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index === 0 || values[index - 1] === null) runs.push([]);
    runs.at(-1).push([value, index]);
  });
  return runs;
}

function span(seconds) {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

export function drawFiring(section, rates) {
  section.hidden = rates.length === 0;
  if (section.hidden) return;
  const strip = section.querySelector(".strip");
  if (strip.querySelectorAll("li").length !== rates.length) strip.replaceChildren(...blocks(rates));
  // Grows with the rates, and never shrinks, so that bars can be compared over time.
  const highest = Math.ceil(Math.max(...rates.map(({ rate }) => rate)) * 10) / 10;
  const scale = Math.max(0.1, highest, Number(section.dataset.scale ?? 0));
  section.dataset.scale = String(scale);
  section.querySelector("#scale").textContent = `${(scale * 100).toFixed(0)}\u00a0%`;
  strip.querySelectorAll("li").forEach((item, index) => {
    const { layer, rate } = rates[index];
    const bar = item.querySelector("rect");
    bar.setAttribute("y", String(100 - (rate / scale) * 100));
    bar.setAttribute("height", String((rate / scale) * 100));
    bar.setAttribute("class", `heat-${HEAT.filter((limit) => rate >= limit).length}`);
    const text = `${layer}: ${(rate * 100).toFixed(1)} %`;
    item.querySelector("title").textContent = text;
    item.querySelector(".aside").textContent = text;
  });
}

// Layers by block: `encoder1.0` of `encoder1.0.neurons.2`, but `down1` of `down1.neuron`.
function blocks(rates) {
  const groups = new Map();
  for (const { layer } of rates) {
    const parts = layer.split(".");
    const block = parts.slice(0, /^\d+$/.test(parts[1] ?? "") ? 2 : 1).join(".");
    groups.set(block, (groups.get(block) ?? 0) + 1);
  }
  return [...groups].map(([name, count]) => {
    const block = document.createElement("div");
    block.className = "block";
    const list = document.createElement("ol");
    list.append(...Array.from({ length: count }, bar));
    const caption = document.createElement("p");
    caption.textContent = name;
    block.append(list, caption);
    return block;
  });
}

function bar() {
  const item = document.createElement("li");
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 10 100");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("width", "10");
  drawing.append(document.createElementNS(SVG, "title"), rect);
  const text = document.createElement("span");
  text.className = "aside";
  item.append(drawing, text);
  return item;
}
