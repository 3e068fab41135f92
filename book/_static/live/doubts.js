// Signs that some values stand for missing ones, or are errors: `_doubts.of_values` of
// `ssmlib`, with its thresholds and its sentences.
window.ssm = window.ssm || {};
(() => {
  const CODES = [
    ...[99, 999, 9999, 99999, 999999].flatMap((v) => [-v, v]),
    ...[-99.9, -999.9, -9999.9, -99.99, -999.99, -999.25, 999.9, 9999.9, -888, -8888, -77, -777],
    ...[-32768, 32767, 65535, -2147483648, 2147483647],
    ...[1e20, -1e20, 1e30, -1e30, 1e34, -1e34, 1e35, -1e35, 9.969209968386869e36],
  ];
  const ROUNDING = 1e-6;
  const [FAR, FEW, OTHERS] = [3, 3, 10];
  const [TAIL, BEYOND, SQUARES] = [4, 12, 0.2];

  const least = (x) => x.reduce((u, v) => Math.min(u, v), Infinity);
  const most = (x) => x.reduce((u, v) => Math.max(u, v), -Infinity);
  const sorted = (x) => Float64Array.from(x).sort();
  const equal = (v, code) => Math.abs(v - code) <= ROUNDING * Math.abs(code);
  const squares = (x) => x.reduce((sum, v) => sum + v * v, 0);

  function quantile(x, q) {
    const [values, at] = [sorted(x), q * (x.length - 1)];
    const k = Math.floor(at);
    return values[k] + (at - k) * (values[Math.min(k + 1, x.length - 1)] - values[k]);
  }

  // The values without each code that is the lowest or the highest of them, and the codes
  function withoutCodes(values) {
    const known = [];
    while (values.length) {
      const [low, high] = [least(values), most(values)];
      const code = CODES.find((c) => equal(low, c) || equal(high, c));
      if (code === undefined) break;
      known.push(code);
      values = values.filter((v) => !equal(v, code));
    }
    return { others: values, known };
  }

  // The values but those that are far from the median and decide on the mean square
  function withoutRemote(values) {
    const unit = most(values.map(Math.abs)) || 1;
    const small = values.map((v) => v / unit);
    const middle = values.length ? quantile(small, 0.5) : 0;
    const distance = small.map((v) => Math.abs(v - middle));
    const spread = distance.filter((d) => d > 0);
    if (!spread.length) return values;
    const size = quantile(spread, 0.9);
    const far = distance.filter((d) => d > BEYOND * size);
    const between = distance.filter((d) => d > TAIL * size).length - far.length;
    if (squares(far) / squares(distance) <= SQUARES || between >= far.length) return values;
    return values.filter((_, k) => distance[k] <= BEYOND * size);
  }

  // The range of values without a few different ones at an end, far from it
  function ends(values) {
    const different = [...new Set(sorted(values))];
    const [lowest, highest] = [different[0], different.at(-1)];
    const lows = Array.from({ length: FEW + 1 }, (_, i) => different[i] ?? highest);
    const highs = Array.from({ length: FEW + 1 }, (_, j) => different.at(-1 - j) ?? lowest);
    const pairs = lows.flatMap((_, i) => highs.map((_, j) => [i, j])).filter(([i, j]) => i || j);
    for (const [i, j] of pairs.sort((p, q) => p[0] + p[1] - q[0] - q[1])) {
      const [low, high] = [lows[i], highs[j]];
      if (high <= low) continue;
      const gaps = [...(i ? [low - lows[i - 1]] : []), ...(j ? [highs[j - 1] - high] : [])];
      if (Math.min(...gaps) / FAR <= high - low) continue;
      const inside = values.filter((v) => v >= low && v <= high);
      if (i + j === 1 || (inside.length > values.length / 2 && new Set(inside).size >= OTHERS)) return [low, high];
    }
    return [lowest, highest];
  }

  // As Python's format "g" with that many digits
  function shown(v, digits) {
    if (v === 0) return "0";
    const [mantissa, exponent] = v.toExponential(digits - 1).split("e");
    const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    const e = Number(exponent);
    if (e >= -4 && e < digits) return trimmed(v.toFixed(digits - 1 - e));
    return `${trimmed(mantissa)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  }

  const counted = (n) => n.toLocaleString("en-US");

  function sentence(value, where, low, high, what) {
    const count = where.filter(Boolean).length;
    const times = count === 1 ? "once" : `${counted(count)} times, first`;
    return (
      `${shown(value, 10)} occurs ${times} at value ${counted(where.indexOf(true) + 1)}, far from the other values ` +
      `(${shown(low, 4)} to ${shown(high, 4)}). It looks like ${what}. A single such value can ` +
      "change dt by orders of magnitude. Fill it or cut it, then ask again."
    );
  }

  function summary(values, where, low, high) {
    const far = values.filter((_, k) => where[k]);
    return (
      `${counted(far.length)} values from ${shown(least(far), 10)} to ${shown(most(far), 10)}, the first ` +
      `${shown(far[0], 10)} at value ${counted(where.indexOf(true) + 1)}, are far from the other values (${shown(low, 4)} ` +
      `to ${shown(high, 4)}). They look like errors or codes for missing values. A few ` +
      "such values can change dt by orders of magnitude. Fill or cut them, then ask " +
      "again. If they are correct, a logarithm or another transform would help."
    );
  }

  ssm.doubtsOfValues = (values) => {
    const { others, known } = withoutCodes(values);
    let near = withoutRemote(others);
    for (;;) {
      if (!near.length) return [];
      const [low, high] = ends(near);
      const inside = near.filter((v) => v >= low && v <= high);
      if (inside.length === near.length) break;
      near = inside;
    }
    const [low, high] = [least(near), most(near)];
    const inner = CODES.filter((c) => !(low <= c && c <= high) && others.some((v) => equal(v, c)));
    const [found, rest] = [[], values.map((v) => v < low || v > high)];
    for (const code of new Set([...known, ...inner])) {
      const where = values.map((v) => equal(v, code));
      where.forEach((is, k) => (rest[k] &&= !is));
      const beyond = Math.max(code - high, low - code);
      if (beyond > high - low || (code < 0 && low >= 0) || inner.includes(code)) {
        found.push(sentence(code, where, low, high, "a code for a missing value"));
      }
    }
    const different = [...new Set(sorted(values.filter((_, k) => rest[k])))];
    if (different.length > FEW) return [...found, summary(values, rest, low, high)];
    return [...found, ...different.map((v) => sentence(v, values.map((u) => u === v), low, high, "an error"))];
  };
  ssm.CODES = CODES;
})();
