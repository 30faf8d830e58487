"""Style and script of the site's pages. Every page holds both; its policy admits them by their hashes."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--quiet:#57606a;--paper:#fff;--shade:#f3f5f7;
--line:#d0d7de;--link:#0550ae;--bad:#a40e26}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9da7b3;--paper:#0d1117;--shade:#161b22;
--line:#30363d;--link:#79b8ff;--bad:#ff9492}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;
color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
a{color:var(--link)}
a:focus-visible,input:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1rem 0 .25rem}
small,.quiet{color:var(--quiet);font-weight:normal}
.bad{color:var(--bad)}
ul{padding-left:1.25rem;margin:.25rem 0}
.list{list-style:none;padding:0}
.list>li{padding:.6rem 0;border-top:1px solid var(--line)}
pre{background:var(--shade);border:1px solid var(--line);border-radius:6px;padding:.75rem;
overflow-x:auto;white-space:pre-wrap}
code{font:.875em/1.5 ui-monospace,monospace}
summary{cursor:pointer;padding:.4rem 0}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dt{color:var(--quiet)}dd{margin:0}
input{font:inherit;width:100%;padding:.6rem;color:inherit;background:var(--paper);
border:1px solid var(--quiet);border-radius:6px}
figure{margin:.5rem 0}
figcaption{color:var(--quiet);font-size:.875rem;max-width:40rem}
svg{display:block;max-width:100%;font:.875rem system-ui,sans-serif;fill:var(--ink)}
svg a{fill:var(--link);text-decoration:underline}
svg .this{font-weight:bold}
svg path{fill:none;stroke:var(--quiet);opacity:.55}
svg .own{stroke:var(--link);stroke-width:1.5;opacity:1}
svg .tip{fill:var(--quiet);stroke:none}
svg .own.tip{fill:var(--link)}
svg .far{fill:var(--paper);stroke:var(--quiet)}
@media (max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
""".strip()

SCRIPT = """
"use strict";
for (const place of document.querySelectorAll("[data-index]"))
  place.textContent = new URL(document.body.dataset.root || ".", location.href).href.replace(/[?#].*$/, "");
for (const span of document.querySelectorAll("[data-link]")) {
  if (!/^(https?:[/][/]|mailto:)/i.test(span.dataset.link)) continue;
  const link = document.createElement("a");
  link.href = span.dataset.link;
  link.rel = "noopener noreferrer nofollow";
  link.append(...span.childNodes);
  span.replaceWith(link);
}
const search = document.getElementById("search");
if (search) {
  const items = [...document.querySelectorAll("#packages > li")].map(
    (item) => [item, item.textContent.toLowerCase().replace(/[-_.]+/g, "-")]);
  const told = document.getElementById("found");
  const show = () => {
    const words = search.value.toLowerCase().replace(/[-_.]+/g, "-").split(/\\s+/).filter(Boolean);
    let count = 0;
    for (const [item, text] of items) {
      item.hidden = !words.every((word) => text.includes(word));
      if (!item.hidden) count += 1;
    }
    told.textContent = count === items.length ? "" : count + " of " + items.length + " packages";
  };
  search.addEventListener("input", show);
  document.getElementById("finder").hidden = false;
  show();
}
""".strip()
