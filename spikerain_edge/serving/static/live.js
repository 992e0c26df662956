// The live page: shows the stream and the figures of one camera.

import { Chart, drawFiring, rounded } from "/charts.js";
import { pairs } from "/stream.js";

const camera = Number(document.body.dataset.camera);
const find = (id) => document.getElementById(id);
const [viewer, split, message] = [find("viewer"), find("split"), find("message")];
const STATES = {
  starting: "Waiting for the camera",
  streaming: "Streaming",
  silent: "The camera is silent",
  away: "Connecting to the camera again",
  ended: "The camera has ended",
  lost: "Connecting to this page again",
};
let paused = false;
let abort = null;

// The dividing line: keys move the slider, a pointer moves it anywhere in the picture.
function follow() {
  viewer.style.setProperty("--split", `${split.value}%`);
  split.setAttribute("aria-valuetext", `${split.value} % picture of the camera`);
}

function drag(event) {
  const box = viewer.getBoundingClientRect();
  split.value = String(Math.round(((event.clientX - box.left) / box.width) * 100));
  follow();
}

split.addEventListener("input", follow);
viewer.addEventListener("pointerdown", (event) => {
  viewer.setPointerCapture(event.pointerId);
  split.focus({ preventScroll: true });
  drag(event);
});
viewer.addEventListener("pointermove", (event) => {
  if (viewer.hasPointerCapture(event.pointerId)) drag(event);
});
follow();

// The stream.
function draw(name, picture) {
  const canvas = find(name);
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

async function play() {
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 5000)) {
    try {
      const answer = await fetch(`/stream.mjpg?view=both&camera=${camera}`, { signal });
      if (answer.status === 401) location.assign("/login");
      if (!answer.ok) throw new Error(answer.statusText);
      for await (const { number, before, after } of pairs(answer.body)) {
        wait = 1000;
        draw("before", before);
        draw("after", after);
        viewer.dataset.frame = number;
        delete viewer.dataset.empty;
      }
    } catch {
      // Tried again below, unless it was stopped.
    }
    if (!signal.aborted) await new Promise((done) => setTimeout(done, wait));
  }
}

function resume() {
  if (document.hidden || paused) abort?.abort();
  else play();
}

find("pause").addEventListener("click", ({ currentTarget: button }) => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  resume();
});
document.addEventListener("visibilitychange", resume);
find("still").addEventListener("click", ({ currentTarget: link }) => {
  const moment = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  link.download = `derained_${moment}.jpg`;
});
find("full").hidden = !document.fullscreenEnabled;
find("full").addEventListener("click", () => viewer.requestFullscreen());
viewer.dataset.empty = "";

// The figures.
const count = (number) => number.toLocaleString("en");

function duration(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  const names = ["h", "min", "s"];
  const first = Math.max(0, Math.min(2, parts.findIndex((part) => part > 0)));
  return parts.slice(first, first + 2).map((part, i) => `${part} ${names[first + i]}`).join(" ");
}

function showState(state, since) {
  const pill = find("state");
  pill.dataset.state = state;
  const text = STATES[state];
  const waited = state === "away" || state === "silent" ? `, for ${duration(since ?? 0)}` : "";
  if (pill.textContent !== text + waited) pill.textContent = text + waited;
  const shown = state === "streaming" ? "" : text;
  if (message.textContent !== shown) message.textContent = shown;
}

function showRain(rain, gate) {
  const pill = find("rain");
  pill.hidden = !rain || (rain.state === "unknown" && gate !== "auto");
  if (pill.hidden) return;
  const strength = rain.intensity === null ? "" : `: ${rounded(rain.intensity)} levels`;
  const texts = { rain: `Rain${strength}`, dry: "Dry: frames pass unchanged", unknown: "Rain: not known yet" };
  pill.dataset.state = rain.state;
  pill.textContent = texts[rain.state];
}

function energies(run, measured) {
  const rows = [];
  const estimated = run.whole_energy;
  if (estimated) {
    const { spiking_mj: ours, quantised_ann_mj: ann, ratio, break_even_rate: even } = estimated;
    rows.push(
      ["energy with memory, estimated", `${rounded(ours)} mJ a derained frame`],
      ["as a quantised ANN of equal bits", `${rounded(ann)} mJ, ${rounded(ratio)} times as much`],
      ["both equal at a firing rate of", even > 1 ? "above 1" : even === null ? "none" : rounded(even)],
      ["operations alone, estimated", `${rounded(run.energy_mj_per_frame)} mJ`],
    );
  }
  if (measured && measured.joules_per_frame !== null) {
    const { joules_per_frame: joules, watts, rail } = measured;
    rows.push([`energy measured, ${rail}`, `${rounded(joules)} J a frame, ${rounded(watts)} W`]);
  }
  return rows;
}

function showRun(run, whole) {
  const outages = run.outages ?? [];
  const away = outages.reduce((sum, outage) => sum + outage.seconds, 0);
  const outputs = (run.outputs ?? []).map((one) => {
    const lost = one.dropped + one.failed;
    return ["output", `${one.output}: ${count(one.written)} written${lost ? `, ${count(lost)} lost` : ""}`];
  });
  const rows = [
    ["running for", duration(run.seconds)],
    ["frames", `${count(run.frames)} written, ${count(run.dropped)} dropped`],
    ...(run.rain?.bypassed ? [["passed unchanged", `${count(run.rain.bypassed)} frames`]] : []),
    ["damaged or missing", `${count(run.corrupt + run.missing)} frames`],
    ["outages", outages.length ? `${outages.length}, ${duration(away)} together` : "none"],
    ["model", `${whole.model}, ${whole.precision}, T = ${whole.timesteps}`],
    ["runs on", whole.backend],
    ...energies(run, whole.measured_energy),
    ...outputs,
  ];
  find("run").replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement("div");
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, text.textContent] = [name, value];
      row.append(term, text);
      return row;
    }),
  );
}

async function ask(path) {
  const answer = await fetch(path);
  if (answer.status === 401) location.assign("/login");
  return answer.json();
}

async function tell(charts) {
  const status = await ask("/api/status");
  const live = status.live[camera];
  showState(live.state, live.silent_seconds);
  for (const [name, chart] of Object.entries(charts)) chart.add(live[name]);
  drawFiring(find("firing"), live.firing_rates);
  const run = status.cameras?.[camera];
  if (run) {
    showRain(run.rain, status.options?.gate);
    showRun(run, status);
    find("facts").textContent = `${count(run.frames)} frames · ${live.viewers} watching`;
  }
}

async function watch() {
  let charts = null;
  for (;;) {
    try {
      if (charts === null) {
        const { step_seconds: step, cameras } = await ask("/api/history");
        const figures = [...document.querySelectorAll(".chart")];
        const made = figures.map((figure) => {
          const name = figure.dataset.figure;
          return [name, new Chart(figure, cameras[camera][name], step)];
        });
        charts = Object.fromEntries(made);
      }
      if (!document.hidden) await tell(charts);
    } catch {
      showState("lost");
      charts = null;
    }
    if (document.hidden) charts = null;
    await new Promise((done) => setTimeout(done, 1000));
  }
}

resume();
watch();
