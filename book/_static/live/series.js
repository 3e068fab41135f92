// From a series to a timescale: `ssmlib.uncertainty.of_series` and `ssmlib.recommend`.
window.ssm = window.ssm || {};
(() => {
  const DAMPING = -0.5;
  const FORGOTTEN = 0.05;
  const DRAWS = 199;

  // In-place Fourier transform, a power of two long
  function fourier(re, im) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2;
      for (let k = 0; k < half; k++) {
        const angle = (-2 * Math.PI * k) / size;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let i = k; i < n; i += size) {
          const j = i + half;
          const [x, y] = [re[j] * c - im[j] * s, re[j] * s + im[j] * c];
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
  }

  const powerOfTwo = (n) => 2 ** Math.ceil(Math.log2(n));

  // `autocorrelation.toeplitz_moment` of one series: biased, its first `count` lags
  function moment(x, count) {
    const n = powerOfTwo(2 * x.length);
    const [re, im] = [new Float64Array(n), new Float64Array(n)];
    re.set(x);
    fourier(re, im);
    for (let k = 0; k < n; k++) [re[k], im[k]] = [re[k] ** 2 + im[k] ** 2, 0];
    fourier(re, im);
    return Float64Array.from({ length: count }, (_, k) =>
      k < x.length ? re[k] / n / x.length : 0,
    );
  }

  // lambda_max of a Toeplitz matrix with first row r: Lanczos, kept orthogonal
  function largestOf(r) {
    const L = r.length;
    const n = powerOfTwo(2 * L);
    const transfer = new Float64Array(n);
    for (let k = 0; k < L; k++) transfer[k] = transfer[(n - k) % n] = r[k];
    fourier(transfer, new Float64Array(n));
    function product(v) {
      const [re, im] = [new Float64Array(n), new Float64Array(n)];
      re.set(v);
      fourier(re, im);
      for (let k = 0; k < n; k++) {
        re[k] *= transfer[k];
        im[k] *= -transfer[k]; // conjugate: the second transform goes back
      }
      fourier(re, im);
      return re.slice(0, L).map((value) => value / n);
    }
    const dot = (u, v) => u.reduce((sum, value, k) => sum + value * v[k], 0);
    const draw = normal(0);
    let v = Float64Array.from({ length: L }, () => draw());
    const basis = [];
    const [alpha, beta] = [[], []];
    let [found, still] = [0, 0]; // still: steps since it last moved
    for (let step = 0; step < L; step++) {
      const size = Math.sqrt(dot(v, v));
      if (step) beta.push(size);
      if (step && size < 1e-14 * Math.abs(found)) break;
      v = v.map((value) => value / size);
      basis.push(v);
      const next = product(v);
      alpha.push(dot(v, next));
      for (let twice = 0; twice < 2; twice++) {
        for (const u of basis) {
          const along = dot(u, next);
          for (let k = 0; k < L; k++) next[k] -= along * u[k];
        }
      }
      const last = found;
      found = top(alpha, beta);
      v = next;
      still = Math.abs(found - last) < 1e-15 * Math.abs(found) ? still + 1 : 0;
      if (step > 20 && still > 4) break;
    }
    return found;
  }

  // The largest eigenvalue of a symmetric tridiagonal matrix: bisection by Sturm's count
  function top(alpha, beta) {
    const n = alpha.length;
    let [low, high] = [-Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      const radius = (beta[i - 1] ?? 0) + (i < n - 1 ? beta[i] : 0);
      high = Math.max(high, alpha[i] + radius);
      low = Math.max(low, alpha[i]);
    }
    for (let turn = 0; turn < 60 && high - low > 1e-16 * Math.abs(high); turn++) {
      const middle = (low + high) / 2;
      let [above, pivot] = [0, 1];
      for (let i = 0; i < n; i++) {
        pivot = middle - alpha[i] - (i ? beta[i - 1] ** 2 / pivot : 0);
        if (pivot === 0) pivot = 1e-300;
        if (pivot < 0) above++;
      }
      if (above) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  // Normal draws: Box and Muller's, on Mulberry's generator of 32 bits
  function normal(seed) {
    let state = (seed * 2654435761 + 1) >>> 0;
    function uniform() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
    }
    let kept = null;
    return () => {
      if (kept !== null) {
        const value = kept;
        kept = null;
        return value;
      }
      const [size, angle] = [Math.sqrt(-2 * Math.log(uniform())), 2 * Math.PI * uniform()];
      kept = size * Math.sin(angle);
      return size * Math.cos(angle);
    };
  }

  // Yule-Walker coefficients for autocovariances r, the order by BIC: Levinson's steps
  function autoregression(r, T) {
    let best = Math.log(r[0]) * T;
    let chosen = [];
    let [a, variance] = [[], r[0]];
    for (let p = 1; p < r.length; p++) {
      const along = r[p] - a.reduce((sum, value, k) => sum + value * r[p - 1 - k], 0);
      const last = along / variance;
      a = [...a.map((value, k) => value - last * a[p - 2 - k]), last];
      variance *= 1 - last * last;
      if (variance <= 0) break;
      const score = Math.log(variance) * T + Math.log(T) * p;
      if (score < best) [best, chosen] = [score, a];
    }
    return chosen;
  }

  // The first L autocovariances of the fitted process
  function continued(r, a, L) {
    const row = Array.from(r.slice(0, a.length + 1));
    while (row.length < L) {
      row.push(a.reduce((sum, value, k) => sum + value * row[row.length - 1 - k], 0));
    }
    return Float64Array.from(row.slice(0, L));
  }

  const mean = (x) => x.reduce((sum, value) => sum + value, 0) / x.length;

  // The mean and the scale that bring x to mean 0 and mean square 1; 0 and 1 if it is there
  function standard(x) {
    const shift = mean(x);
    const scale = Math.sqrt(mean(x.map((value) => (value - shift) ** 2)));
    const done = Math.abs(shift) < 1e-6 && Math.abs(scale ** 2 - 1) < 1e-6;
    return done ? { shift: 0, scale: 1 } : { shift, scale };
  }

  function standardized(x) {
    const shift = mean(x);
    const scale = Math.sqrt(mean(x.map((value) => (value - shift) ** 2)));
    return x.map((value) => (value - shift) / scale);
  }

  function quantile(sorted, q) {
    const at = q * (sorted.length - 1);
    const k = Math.floor(at);
    const next = sorted[Math.min(k + 1, sorted.length - 1)];
    return sorted[k] + (at - k) * (next - sorted[k]);
  }

  // `_doubts.of_series`: signs that x, of mean 0, is not stationary; the cubic curve of
  // the library is here a parabola and a line
  function doubtsOf(x, variance, a, scale) {
    const T = x.length;
    const found = [];
    const share = (of) => {
      const centre = mean(of);
      const curve = of.map((v) => v - centre);
      const along = curve.reduce((sum, v, t) => sum + v * x[t], 0);
      return along ** 2 / curve.reduce((sum, v) => sum + v * v, 0) / (T * variance);
    };
    const at = Float64Array.from(x, (_, t) => -1 + (2 * t) / (T - 1));
    const line = share(at);
    const least = Math.max(0.1, 12 / T);
    if (line > least) found.push(`A straight line explains ${Math.round(100 * line)} % of the variance, as a trend does.`);
    else if (line + share(at.map((v) => v * v)) > 2 * least) found.push("A slow curve explains much of the variance, as a trend does.");
    const memory = (scale / (1 - a.reduce((sum, v) => sum + v, 0))) ** 2 / variance;
    if (T < 12 * memory) found.push(`The values change so slowly that only about ${Math.max(1, Math.round(T / memory))} of them are independent.`);
    const half = Math.ceil(T / 2);
    const sizes = [x.slice(0, half), x.slice(half)].map((part) => mean(part.map(Math.abs)));
    if (T >= 32 && Math.max(...sizes) > 2 * Math.min(...sizes)) found.push("The two halves differ in size by more than a factor of two.");
    return found;
  }

  // What is fitted to x (T,) before anything is drawn
  function fit(x, L) {
    const T = x.length;
    const centre = mean(x);
    const order = Math.min(Math.floor(T / 4), Math.floor(10 * Math.log10(T)));
    const r = moment(x.map((v) => v - centre), Math.max(L, order + 1));
    const a = autoregression(r.slice(0, order + 1), T);
    const standard = Math.abs(centre) < 1e-6 && Math.abs(r[0] - 1) < 1e-6;
    const explained = a.reduce((sum, value, k) => sum + value * r[k + 1], 0);
    const scale = Math.sqrt(Math.max(r[0] - explained, 0));
    const own = (scale / (1 - a.reduce((sum, v) => sum + v, 0))) ** 2 / T;
    const level = standard ? 0 : Math.sqrt(Math.max(centre ** 2 - own, 0));
    const row = continued(r, a, L).map((value) => value + level ** 2);
    const highest = (y) => largestOf(moment(standard ? standardized(y) : y, L));
    const doubts = doubtsOf(x.map((v) => v - centre), r[0], a, scale);
    return { a, scale, level, standard, highest, doubts, plain: highest(x), truth: largestOf(row) };
  }

  // `of_series`: lambda_max of windows of length L, with its interval
  function ofSeries(x, L, seed = 0) {
    const T = x.length;
    const { a, scale, level, standard, highest, doubts, plain, truth } = fit(x, L);
    const draw = normal(seed);
    const ratios = [];
    for (let k = 0; k < DRAWS; k++) {
      const y = new Float64Array(2 * T); // the first half forgets that it began at zero
      for (let t = 0; t < 2 * T; t++) {
        y[t] = scale * draw();
        for (let p = 0; p < Math.min(a.length, t); p++) y[t] += a[p] * y[t - 1 - p];
      }
      const drawn = y.slice(T).map((value) => value + level);
      ratios.push(Math.log(highest(drawn) / truth));
    }
    ratios.sort((u, v) => u - v);
    const limited = (value) => (standard ? Math.min(value, L) : value);
    const [low, estimate, high] = [0.95, 0.5, 0.05].map((q) =>
      limited(plain * Math.exp(-quantile(ratios, q))),
    );
    return { plain, estimate, low, high, doubts };
  }

  // `recommend`, for an interval of lambda_max
  function recommend(interval, L) {
    const step = (value) => 1 / Math.sqrt(L * value);
    const dt = step(interval.estimate);
    const left = Math.exp(2 * DAMPING * dt * L);
    const real = left >= FORGOTTEN ? DAMPING : 0;
    return {
      dt,
      low: step(interval.high),
      high: step(interval.low),
      real,
      imagScale: real ? 1 : 2 / (dt * L),
      states: 2 * Math.ceil(real ? 1 / dt : L / 2),
    };
  }

  // `_advice.cautions` that depend on the series
  function cautions(x, { estimate, low, high }, L) {
    const found = [];
    const share = Math.min(1, (L * mean(x) ** 2) / estimate);
    if (share > 0.5) found.push(`The mean alone makes ${Math.round(100 * share)} % of λmax. Subtract it, unless the model will see it: Δ is larger without it.`);
    if (high > 4 * low) found.push(`λmax is known only within a factor of ${(high / low).toFixed(1)}: the numbers are few for this window.`);
    return found;
  }

  Object.assign(ssm, { moment, largestOf, autoregression, normal, fit, ofSeries });
  Object.assign(ssm, { recommend, cautions, standard, standardized });
})();
