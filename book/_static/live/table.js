// The last column of a pasted table, and how many lines above it are no data, by the rules of `ssmlib.tasks.tables`: a line that is
// not understood is a problem, never left out, and so is a number with two readings.
window.ssm = window.ssm || {};
(() => {
  const NUMBER = /^(?:[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|nan))$/i;
  const PLAIN = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
  const MISSING = ["", "na", "n/a", "#n/a", "null", "none", "nan", "-"];
  const NO_NAME = /^(?:[?*.!~_/\\\u2010-\u2015\u2212-]+|[^\p{L}\p{N}_]*(?:inf|infinity|nan|\u221e)[^\p{L}\p{N}_]*)$/iu;
  const INTEGER = /^\d{1,9}$/;
  const COMMA = /^[+-]?\d*(?:,\d+)?(?:e[+-]?\d+)?$/i;
  const COMMAS = /^[+-]?[1-9]\d{0,2}(?:,\d{3})+$/; // of thousands
  const POINTS = /^[+-]?[1-9]\d{0,2}(?:\.\d{3})+$/;
  const SAMPLE = 100; // lines that decide on separator and header

  class Problem extends Error {}

  // The fields of a line, without quotation marks around them
  function fields(line, separator) {
    if (separator === " ") return line.trim().split(/\s+/);
    const found = [];
    for (let at = 0; at <= line.length; at++) {
      while (line[at] === " ") at++;
      let word = "";
      if (line[at] === '"') {
        for (at++; line[at] !== '"' || line[at + 1] === '"'; at++) {
          if (at >= line.length) throw new Problem("has a quotation mark that is never closed");
          if (line[at] === '"') at++;
          word += line[at];
        }
        at++;
      }
      while (at < line.length && line[at] !== separator) word += line[at++];
      found.push(word.trim());
    }
    return found;
  }

  // Tab, semicolon, comma, a space for spaces between numbers, "\n" for a single column
  function separatorOf(sample) {
    for (const separator of "\t;,") {
      const counts = sample.map((line) => fields(line, separator).length);
      if (counts[0] > 1 && counts.filter((count) => count > 1).length > counts.length / 2) return separator;
    }
    const rows = sample.map((line) => line.trim().split(/\s+/));
    const below = rows.length > 1 ? rows.slice(1) : rows;
    const alike = new Set(below.map((row) => row.length)).size === 1;
    const numbers = below.every((row) => row.every((word) => NUMBER.test(word)));
    return alike && numbers && rows.at(-1).length > 1 ? " " : "\n";
  }

  function kind(word) {
    if (MISSING.includes(word.toLowerCase())) return "gap";
    if (NUMBER.test(word)) return "number";
    return /^\p{Nd}/u.test(word) ? "date" : "text";
  }

  function likeNumber(word) {
    const letters = word.replace(/(\d)e(?=[+-]?\d)/gi, "$1"); // but that of an exponent
    return NO_NAME.test(word) || (/\p{N}/u.test(word) && !/\p{L}/u.test(letters));
  }

  // Empty fields at the front, and first and number of the integers that count up; or null
  function counted(names) {
    const empty = names.findIndex((name) => name !== "");
    const rest = empty < 0 ? [] : names.slice(empty);
    if (!rest.length || !INTEGER.test(rest[0])) return null;
    const first = Number(rest[0]);
    return rest.every((name, k) => name === String(first + k)) ? { empty, first, n: rest.length } : null;
  }

  // Whether the first row is that of pandas: empty above an index, then 0, 1, 2
  function numbered(rows) {
    const found = counted(rows[0]);
    return found !== null && rows.length > 1 && rows[1][0] !== "" && found.empty > 0 && found.first === 0;
  }

  // Whether the first column, its first row included, has equal steps
  function isTime(rows) {
    const times = rows.map((row) => (PLAIN.test(row[0]) ? Number(row[0]) : NaN));
    const steps = times.slice(1).map((time, k) => time - times[k]);
    return steps.length > 1 && steps[0] !== 0 && steps.every((step) => Math.abs(step - steps[0]) <= 1e-3 * Math.abs(steps[0]));
  }

  // Whether the first row counts up, as names may do and data seldom do
  function maybeNumbered(rows) {
    const found = counted(rows[0]);
    if (found === null || rows.length < 2 || isTime(rows)) return false;
    const { empty, first, n } = found;
    if (empty) return n > 1;
    const points = !rows.slice(1).some((row) => row.some((word) => /^[+-]?\d+$/.test(word)));
    return points && n > 1 && first === 0 && n < 3 ? true : n > 2 && (!first || points);
  }

  // Whether the first row holds names; a problem if it may be names as well as data
  function isHeader(rows) {
    const [names, kinds] = [rows[0], rows[0].map(kind)];
    const several = names.length > 1;
    let header = kinds.includes("text");
    if (numbered(rows)) header = true;
    else if (header && rows.length > 1 && kinds.includes("number")) {
      header = kinds.join() !== rows[1].map(kind).join();
    }
    const odd = names.find((name, k) => kinds[k] === "text" && likeNumber(name));
    if (header && odd !== undefined) {
      throw new Problem(`has "${odd}" in its first line, which may be a name or a number: write numbers as -1234.5, or a name with a letter`);
    }
    if (!header && several && maybeNumbered(rows)) {
      throw new Problem(`has the first line ${names.slice(0, 4).join(", ")}, which may be names or data: add a header with letters above it`);
    }
    return header;
  }

  // Whether the other columns have decimal commas, decimal points, or commas of either kind
  function evidence(columns) {
    const found = { commas: false, points: false, doubt: false };
    for (const column of columns) {
      const signed = column.filter((word) => /[.,]/.test(word));
      const holds = (pattern, but) => signed.some((word) => pattern.test(word) && !(but && but.test(word)));
      const decimal = (sign, other, thousands) => {
        const group = `[+-]?[1-9]\\d{0,2}(?:${other}\\d{3})`;
        return (
          holds(new RegExp(`^[+-]?(?=.?\\d)\\d*${sign}\\d*(?:e[+-]?\\d+)?$`, "i"), thousands) ||
          holds(new RegExp(`^${group}+${sign}\\d+$`)) ||
          holds(new RegExp(`^${group}{2,}$`))
        );
      };
      if (decimal(",", "\\.", COMMAS)) found.commas = true;
      if (decimal("\\.", ",", POINTS)) found.points = true;
      if (holds(COMMAS)) found.doubt = true;
    }
    return found;
  }

  // Whether the points of a column of numbers separate thousands; null if they may, and no
  // other column says whether they do; a problem if another column makes it doubtful
  function areThousands(column, others, line) {
    const at = column.findIndex((word) => word.includes("."));
    const whole = column.filter((word) => !word.includes("."));
    if (at < 0 || !column.every((word) => !word.includes(".") || POINTS.test(word))) return false;
    if (!whole.every((word) => /^[+-]?\d{1,3}$/.test(word))) return false; // 1234 has no separator
    const { commas, points, doubt } = evidence(others);
    if (commas && !points) return true;
    if (commas || (!points && (whole.length || doubt))) {
      throw new Problem(`has ${column[at]} in line ${line(at)}, which may have a decimal point or a separator of thousands: write numbers without separators of thousands, as 1234.5, and decimals with another number of digits, as 1.0120`);
    }
    return points ? false : null;
  }

  // The words of a column as numbers, and what was guessed of their signs
  function parsed(column, others, line, separator) {
    const notes = [];
    let words = column;
    if (column.every((word) => PLAIN.test(word))) {
      const thousands = areThousands(column, others, line);
      if (thousands === null && separator !== ",") notes.push("Its points are read as decimal points.");
      if (thousands) {
        notes.push("Its points are read as separators of thousands.");
        words = column.map((word) => word.replaceAll(".", ""));
      }
    } else if (column.every((word) => word !== "" && COMMA.test(word))) {
      const commas = column.filter((word) => word.includes(","));
      if (commas.every((word) => COMMAS.test(word))) {
        throw new Problem(`has ${commas[0]} in line ${line(column.indexOf(commas[0]))}, which may be a decimal or a thousands comma: write numbers as 1234.5`);
      }
      notes.push("Its commas are read as decimal commas.");
      words = column.map((word) => word.replace(",", "."));
    }
    const values = words.map((word) => (PLAIN.test(word) ? Number(word) : NaN));
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const word = column[bad];
      throw new Problem(`has ${kind(word) === "gap" ? "no value" : `"${word}"`} in line ${line(bad)}: fill or cut it first, and write numbers as 1234.5`);
    }
    if (column.every((word) => /^[+-]?\d+$/.test(word)) && values.some((value) => Math.abs(value) >= 2 ** 53)) {
      throw new Problem("has integers beyond 2**53, which cannot be represented: subtract an offset first");
    }
    return { values, notes };
  }

  function read(text) {
    const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
    while (lines.length && lines.at(-1).trim() === "") lines.pop();
    let start = 0;
    while (start < lines.length - 1 && /^\s*(#.*|sep=.)?$/.test(lines[start])) start++;
    if (!lines.length) return { values: [], columns: 0, notes: [] };
    const sample = lines.slice(start, start + SAMPLE).filter((line) => line.trim());
    const separator = separatorOf(sample);
    const header = isHeader(sample.map((line) => fields(line, separator)));
    const rows = lines.slice(start).map((line) => fields(line, separator));
    const columns = rows[0].length;
    if (!header && columns === 2 && separator === "," && rows.every((row) => row.length === 2 && /^[+-]?\d+$/.test(row[0]) && /^\d+$/.test(row[1]))) {
      throw new Problem("may have decimal commas: write decimals with a point, or add a first line with names");
    }
    const first = start + (header ? 1 : 0);
    const line = (k) => first + k + 1;
    const body = rows.slice(header ? 1 : 0);
    if (!body.length) throw new Problem("has no line below its header");
    const long = body.findIndex((row) => row.length > columns);
    if (long >= 0) throw new Problem(`has ${body[long].length} columns in line ${line(long)} and ${columns} in its first line: write decimals with a point, and quote fields that contain the separator`);
    const column = (k) => body.map((row) => row[k] ?? "");
    const others = Array.from({ length: columns - 1 }, (_, k) => column(k));
    return { ...parsed(column(columns - 1), others, line, separator), columns, header, above: start };
  }

  ssm.numbers = (text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { problem: `The column ${error.message}.` };
    }
  };
})();
