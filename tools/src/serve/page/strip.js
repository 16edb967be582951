// Strips of small faces: those seen, favourites (which survive a reload), keyframes of a film.

const SIDE = 128;

// A strip in the list `list`. `tools` are buttons under each face: [sign, label of a face, what it does with it].
export class Strip {
  constructor(list, most, choose, tools) {
    Object.assign(this, { list, most, choose, tools, faces: [] });
  }

  // Appends a face {key, text, small}; the oldest leaves when there are too many.
  add(face) {
    const item = document.createElement("li");
    const look = button("look", `Show ${face.text} again`, () => this.choose(face));
    const picture = document.createElement("img");
    picture.alt = "";
    picture.width = picture.height = 64;
    look.title = face.text;
    look.append(picture);
    const row = document.createElement("div");
    row.className = "tools";
    for (const [sign, label, act] of this.tools) {
      const tool = button("", `${label}: ${face.text}`, () => act(face));
      tool.textContent = sign;
      row.append(tool);
    }
    item.append(look, row);
    this.list.append(item);
    const entry = { ...face, item };
    this.faces.push(entry);
    if (this.faces.length > this.most) this.drop(0);
    Promise.resolve(face.small).then((blob) => {
      entry.url = URL.createObjectURL(blob);
      picture.src = entry.url;
    });
    return entry;
  }

  drop(index) {
    const [face] = this.faces.splice(index, 1);
    face.item.remove();
    if (face.url) URL.revokeObjectURL(face.url);
  }

  find(key) {
    return this.faces.findIndex((face) => face.key === key);
  }

  // Marks a face and scrolls the strip to it; the page stays where it is.
  mark(index) {
    this.faces.forEach((face, i) => face.item.firstChild.setAttribute("aria-current", i === index));
    if (index < 0) return;
    const [strip, item] = [this.list.getBoundingClientRect(), this.faces[index].item.getBoundingClientRect()];
    if (item.left < strip.left) this.list.scrollLeft -= strip.left - item.left;
    if (item.right > strip.right) this.list.scrollLeft += item.right - strip.right;
  }
}

function button(className, label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

// A small picture of a large one, without a second rendering.
export async function reduced(blob) {
  const small = await createImageBitmap(blob);
  const scale = SIDE / Math.max(small.width, small.height);
  const canvas = Object.assign(document.createElement("canvas"), { width: small.width * scale, height: small.height * scale });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/webp", 0.85));
}

// What is kept between visits, per network: [{key, text, small}], pictures as base64. Nothing where the browser keeps nothing.
export function stored(network) {
  try {
    return JSON.parse(localStorage.getItem(`favourites ${network}`) ?? "[]").map((face) => ({ ...face, small: decoded(face.small) }));
  } catch {
    return [];
  }
}

export async function store(network, faces) {
  const list = await Promise.all(faces.map(async ({ key, text, small }) => ({ key, text, small: await encoded(await small) })));
  localStorage.setItem(`favourites ${network}`, JSON.stringify(list));
}

async function encoded(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function decoded(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "image/webp" });
}
