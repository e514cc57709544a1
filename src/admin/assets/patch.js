// Makes one tree of nodes like another and keeps every node that both have, so that focus, selection,
// scroll positions and what is open stay where they are.

export function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // The script's own.
  if (fresh.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes]) {
    // What is open is the reader's choice.
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  const named = new Map();
  for (const child of old.childNodes) if (nameOf(child)) named.set(nameOf(child), child);
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const name = nameOf(child);
    const same = name ? named.get(name) : nextAlike(at, child);
    if (!same) {
      old.insertBefore(child, at);
      continue;
    }
    named.delete(name);
    if (name && same !== at && !isInUse(same)) {
      old.insertBefore(same, at);
    } else {
      // To move a node is to take it out first; so what stands before it goes out in its place.
      while (at !== same) at = takeOut(at);
      at = at.nextSibling;
    }
    patch(same, child);
  }
  while (at) at = takeOut(at);
}

// What a node is known by among its siblings: its id, or what a row of a table is about.
function nameOf(node) {
  return node.id || (node.localName === "tr" && node.querySelector("th a")?.getAttribute("href"));
}

function nextAlike(node, wanted) {
  while (node && (nameOf(node) || node.nodeName !== wanted.nodeName)) node = node.nextSibling;
  return node;
}

function isInUse(node) {
  const selection = getSelection();
  return node.contains(document.activeElement)
    || (!selection.isCollapsed && selection.containsNode(node, true));
}

function takeOut(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
