// A live figure of modes that one drags in the disc: kernel, memory, group delay.
(() => {
  const STEPS = 60;
  const { shown } = ssm;
  const modes = (s) => [1, 2, 3].map((k) => [s[`r${k}`], s[`t${k}`]]);

  // Each mode and its conjugate, as eigenvalues of one step
  function poles(state) {
    const found = modes(state).flatMap(([r, t]) => {
      const [x, y] = [r * Math.cos(t), r * Math.sin(t)];
      return y === 0 ? [[x, 0]] : [[x, y], [x, -y]];
    });
    return ssm.distinct(found);
  }

  function kernel(state) {
    const answer = (l) => modes(state).reduce((sum, [r, t]) => sum + 2 * r ** l * Math.cos(t * l), 0);
    return Array.from({ length: STEPS }, (_, l) => [l, answer(l)]);
  }

  function disc(state, size, live) {
    const circle = Array.from({ length: 181 }, (_, k) => [Math.cos(k / 28.65), Math.sin(k / 28.65)]);
    const places = modes(state).map(([r, t], k) => [r * Math.cos(t), r * Math.sin(t), k + 1]);
    const chosen = places[state.mode - 1];
    const made = Plot.plot({
      width: size,
      height: size,
      margin: 8,
      style: { background: "none", fontSize: "14px", touchAction: "none" },
      ariaLabel: "The three modes in the unit disc; the chosen one is filled",
      x: { domain: [-1.1, 1.1], axis: null },
      y: { domain: [-1.1, 1.1], axis: null },
      marks: [
        Plot.line(circle, { stroke: "currentColor" }),
        Plot.ruleY([0], { strokeOpacity: 0.3 }),
        Plot.dot(places, { x: "0", y: (p) => -p[1], r: 6, stroke: "var(--live-2)", strokeWidth: 2 }),
        Plot.dot(places, { r: 9, stroke: "var(--live-1)", strokeWidth: 2.5 }),
        Plot.dot([chosen], { r: 9, fill: "var(--live-1)" }),
        Plot.text(places, { text: (p) => String(p[2]), dx: 16, fill: "currentColor" }),
      ],
    });
    const [x, y] = [made.scale("x"), made.scale("y")];
    made.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const box = made.getBoundingClientRect(); // each step draws another disc in its place
      const scale = size / box.width;
      const at = ({ clientX, clientY }) => [
        x.invert((clientX - box.left) * scale),
        Math.abs(y.invert((clientY - box.top) * scale)),
      ];
      const [p, q] = at(event);
      const far = places.map(([u, v]) => Math.hypot(p - u, q - Math.abs(v)));
      const k = far.indexOf(Math.min(...far)) + 1;
      function move(next) {
        const [u, v] = at(next);
        live.set({ mode: String(k), [`r${k}`]: Math.min(0.99, Math.hypot(u, v)), [`t${k}`]: Math.atan2(v, u) });
      }
      const stop = () => removeEventListener("pointermove", move);
      addEventListener("pointermove", move);
      addEventListener("pointerup", stop, { once: true });
      addEventListener("pointercancel", stop, { once: true });
    });
    return made;
  }

  ssm.figures.poles = {
    title: "Three modes and their conjugates: kernel, memory and delay",
    poles,
    key: [
      ["line", 0, "curve"],
      ["ring", 1, "modes, to drag"],
      ["dot", 1, "the chosen mode"],
      ["ring", 2, "conjugates"],
      ["line", 2, "mean delay: the number of eigenvalues"],
    ],
    layout: "pairs",
    state: { mode: "1", r1: 0.95, t1: 0.3, r2: 0.9, t2: 1.2, r3: 0.9, t3: 2.2 },
    controls: [
      { name: "mode", label: "mode", choices: ["1", "2", "3"] },
      { name: "r", key: (s) => `r${s.mode}`, label: "size |λ|", min: 0, max: 0.99, step: 0.01, show: (v) => v.toFixed(2) },
      { name: "t", key: (s) => `t${s.mode}`, label: "angle, radians", min: 0, max: 3.14, step: 0.02, show: (v) => v.toFixed(2) },
    ],
    draw(state, width, live) {
      const known = poles(state);
      const held = ssm.memoryFunction(known, STEPS);
      const turns = Array.from({ length: 200 }, (_, k) => (Math.PI * k) / 199);
      const height = 170;
      return [
        disc(state, Math.min(width, 300), live),
        ssm.plot(width, "The kernel, all weights one", {
          x: { label: "step →" }, y: { label: "↑ kernel" }, height, curves: [kernel(state)],
        }),
        ssm.plot(width, "The memory function", {
          x: { label: "steps back τ →" }, y: { label: "↑ memory function", domain: [0, 1] }, height,
          curves: [Array.from(held, (v, t) => [t, v])],
        }),
        ssm.plot(width, "The group delay of the all-pass filter", {
          x: { label: "frequency, radians a step →" }, y: { label: "↑ group delay, steps" }, height,
          curves: [turns.map((w) => [w, ssm.groupDelay(known, w)])],
          marks: [ssm.level(known.length, 2)],
        }),
      ];
    },
    sentence(state) {
      const known = poles(state);
      const held = ssm.memoryFunction(known, 2000);
      const sum = held.reduce((total, v) => total + v, 0);
      const fewer = known.length < 6 ? " A mode of angle or size 0 is its own conjugate, and equal eigenvalues count once." : "";
      return `The memory function sums to ${sum.toFixed(2)}: one for each of the ${known.length} distinct eigenvalues, wherever they are.${fewer} It holds ${shown(held[10])} of the input ten steps back. Where the delay has a peak, memory is spent on one frequency.`;
    },
    python(state) {
      const list = modes(state).map(([r, t]) => `${r} * cmath.exp(${t}j)`);
      return `import cmath
import torch
from ssmlib.theory import memory

modes = [${list.join(", ")}]
poles = torch.tensor([*modes, *(m.conjugate() for m in modes)], dtype=torch.complex128)
poles = memory.distinct(poles)
print(memory.memory_function(poles, 20))
print(memory.group_delay(poles, torch.linspace(0, 3.14, 5)))
`;
    },
  };
})();
