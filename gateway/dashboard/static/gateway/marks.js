// Light marks in what is typed, as many people type them, and the spans that they mean. Nothing here
// touches the page. A backslash before a mark keeps it as it is; so do code and addresses.

const STYLES = { "**": "bold", "_": "italic", "~~": "strike", "||": "spoiler" };
const MARKS = { bold: "**", italic: "_", strike: "~~", spoiler: "||" };
const ESCAPED = /^\\[\\*_~|`>]/u;
const ADDRESS = /^https?:\/\/(?:(?!\*\*|\|\||~~)[^\s<>"'`\\])*(?<!_)/iu;
const FENCED = /^```([\w+#.-]*)\n([^]*?)\n```(?=\n|$)|^```([^`\n]+)```(?=\n|$)/u;
const WORD = /[\p{L}\p{N}]/u;

/** The text and the spans of what was typed; an unfinished mark is text. */
export function read(source) {
  const written = new Written();
  let rest = source;
  while (rest !== "") {
    const fence = rest.match(FENCED);
    if (fence) written.verbatim(fence[2] ?? fence[3], "pre", fence[1]);
    else if (rest.startsWith(">")) rest = quote(written, rest);
    else rest = line(written, rest);
    if (fence) rest = rest.slice(fence[0].length);
    if (rest.startsWith("\n")) [written.pieces[written.pieces.length], rest] = ["\n", rest.slice(1)];
  }
  return written.result();
}

/** What to type for a text with spans; styles that no mark stands for are left out. */
export function typed(text, spans = []) {
  const known = spans.filter((span) => span.style in MARKS || ["code", "pre", "quote"].includes(span.style));
  const wanted = shape({ text, spans: known });
  for (const escape of [false, true]) {
    const source = marked([...text], known, escape);
    if (shape(read(source)) === wanted) return source;
  }
  return marked([...text], [], true);
}

/** What is read so far, in pieces; a span is from one piece to another until all are known. */
class Written {
  constructor() {
    this.pieces = [];
    this.spans = [];
  }

  verbatim(text, style, language) {
    this.spans.push({ style, from: this.pieces.length, to: this.pieces.length + 1, ...(language && { language }) });
    this.pieces.push(text);
  }

  result() {
    const starts = [0];
    for (const piece of this.pieces) starts.push(starts.at(-1) + [...piece].length);
    // Of two over the same part the outer one ends later.
    const spans = this.spans.reverse().map(({ from, to, ...span }) => ({ ...span, start: starts[from], end: starts[to] }));
    const some = spans.filter((span) => span.start < span.end);
    return { text: this.pieces.join(""), spans: some.sort((one, other) => one.start - other.start || other.end - one.end) };
  }
}

/** The lines of a quote, without their marks; returns what comes after them. */
function quote(written, source) {
  const lines = source.match(/^(?:>[^\n]*(?:\n(?=>)|$)?)+/u)[0];
  const from = written.pieces.length;
  inline(written, lines.replace(/^> ?/gmu, ""));
  written.spans.push({ style: "quote", from, to: written.pieces.length });
  return source.slice(lines.length);
}

/** The lines up to the next block; returns what comes after them. */
function line(written, source) {
  let end = source.indexOf("\n");
  while (end >= 0 && !source.startsWith(">", end + 1) && !FENCED.test(source.slice(end + 1))) end = source.indexOf("\n", end + 1);
  inline(written, end < 0 ? source : source.slice(0, end));
  return end < 0 ? "" : source.slice(end);
}

function inline(written, source) {
  const open = [];
  for (let at = 0; at < source.length; ) {
    const rest = source.slice(at);
    const kept = rest.match(ESCAPED)?.[0] ?? (WORD.test(source[at - 1] ?? "") ? undefined : rest.match(ADDRESS)?.[0]);
    const code = rest.match(/^(`+)(?!`)([^\n]*?[^`\n])\1(?!`)/u);
    const mark = Object.keys(STYLES).find((mark) => rest.startsWith(mark));
    if (kept) written.pieces.push(kept.startsWith("\\") ? kept.slice(1) : kept);
    else if (code) written.verbatim(code[2], "code");
    else if (mark) delimiter(written, open, mark, source[at - 1] ?? "", rest[mark.length] ?? "");
    else written.pieces.push(rest.match(/^`+|^[^]/u)[0]);
    at += (kept ?? code?.[0] ?? mark ?? written.pieces.at(-1)).length;
  }
}

/** A mark closes what it opened, or opens, or is text: which one depends on what is beside it. */
function delimiter(written, open, mark, before, after) {
  const inWord = (character) => mark === "_" && WORD.test(character);
  const opened = open.findLastIndex((one) => one.mark === mark);
  const filled = opened >= 0 && written.pieces.slice(open[opened].at + 1).join("") !== "";
  if (filled && /\S/u.test(before) && !inWord(after)) {
    written.pieces[open[opened].at] = "";
    written.spans.push({ style: STYLES[mark], from: open[opened].at, to: written.pieces.length });
    open.length = opened;
    return written.pieces.push("");
  }
  if (opened < 0 && /\S/u.test(after) && !inWord(before)) open.push({ mark, at: written.pieces.length });
  return written.pieces.push(mark);
}

/** A text with its marks, whether or not they can be read again. */
function marked(points, spans, escape) {
  const found = [];
  let lineStart = true;
  for (let at = 0; at <= points.length; at += 1) {
    for (const span of spans.filter((span) => span.end === at).reverse()) found.push(closing(span, points));
    for (const span of spans.filter((span) => span.start === at)) found.push(opening(span, points));
    if (at === points.length) break;
    const inside = spans.filter((span) => span.start <= at && at < span.end).map((span) => span.style);
    const plain = escape && !inside.includes("code") && !inside.includes("pre");
    const special = "\\*_~|`".includes(points[at]) || (points[at] === ">" && lineStart);
    found.push((plain && special ? "\\" : "") + points[at]);
    lineStart = points[at] === "\n";
    if (lineStart && inside.includes("quote")) found.push("> ");
  }
  return found.join("");
}

function opening(span, points) {
  if (span.style === "quote") return "> ";
  if (span.style === "pre") return `\`\`\`${span.language ?? ""}\n`;
  return span.style === "code" ? ticks(span, points) : MARKS[span.style];
}

function closing(span, points) {
  if (span.style === "quote") return "";
  if (span.style === "pre") return "\n```";
  return span.style === "code" ? ticks(span, points) : MARKS[span.style];
}

/** One backtick more than those in the code. */
function ticks(span, points) {
  const runs = points.slice(span.start, span.end).join("").match(/`+/gu) ?? [];
  return "`".repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
}

function shape({ text, spans }) {
  const listed = spans.map(({ style, start, end, language }) => [start, -end, style, language ?? ""].join(" "));
  return JSON.stringify([text, listed.sort()]);
}
