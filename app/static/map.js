// A small map of places. It is fetched when somebody asks for it; the list beside it says the same without.
// Drag or arrow keys to move; buttons, the wheel with Ctrl, or + and - to come closer. Each place is a link to its page.

const TILE = 256;
const CLOSEST = 17;
const FARTHEST = 3;
const MOST_TILES = 80;
const STEP = 80;
/** How far an arrow key moves what is seen, in pixels. */
const ARROWS = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };

/** Where a point lies on the square of the world at a zoom, in pixels (Web Mercator). */
function pixels(latitude, longitude, zoom) {
  const size = TILE * 2 ** zoom;
  const sine = Math.min(0.9999, Math.max(-0.9999, Math.sin((latitude * Math.PI) / 180)));
  return { x: ((longitude + 180) / 360) * size, y: (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * size };
}

function element(name, className, parent, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

class PlacesMap {
  constructor(frame, { tiles, attribution, name, closer, farther }, places) {
    this.tiles = tiles;
    this.places = places;
    this.box = element("div", "map", frame);
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", name);
    this.ground = element("div", "map__ground", this.box);
    this.pins = places.map((place) => this.pin(place));
    const buttons = element("div", "map__buttons", this.box);
    this.button(buttons, "+", closer, 1);
    this.button(buttons, "−", farther, -1);
    element("p", "map__owed", this.box, attribution);
    this.fit();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  pin({ href, label }) {
    const pin = element("a", "map__pin", this.box);
    pin.href = href;
    pin.title = label;
    pin.draggable = false;
    element("span", "unseen", pin, label);
    pin.addEventListener("focus", () => this.bringIntoView(pin));
    return pin;
  }

  /** Whoever goes from place to place by keyboard sees where they are. */
  bringIntoView(pin) {
    this.box.scrollTo(0, 0); // the browser's own way, which would tear pins and ground apart
    const place = this.places[this.pins.indexOf(pin)];
    const { x, y } = pixels(place.latitude, place.longitude, this.zoom);
    const { clientWidth: width, clientHeight: height } = this.box;
    if (Math.abs(x - this.center.x) < width / 2 - 25 && Math.abs(y - this.center.y) < height / 2 - 50) return;
    this.center = { x, y };
    this.draw();
  }

  button(parent, sign, label, step) {
    const made = element("button", "map__button", parent, sign);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => this.zoomBy(step));
  }

  /** Choose the closest look that shows every place. */
  fit() {
    for (this.zoom = 15; this.zoom > FARTHEST; this.zoom -= 1) {
      const all = this.places.map((place) => pixels(place.latitude, place.longitude, this.zoom));
      const xs = all.map(({ x }) => x);
      const ys = all.map(({ y }) => y);
      const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      this.center = { x: (left + right) / 2, y: (top + bottom) / 2 };
      if (right - left < this.box.clientWidth - 60 && bottom - top < this.box.clientHeight - 80) break;
    }
  }

  zoomBy(step) {
    const zoom = Math.min(CLOSEST, Math.max(FARTHEST, this.zoom + step));
    const factor = 2 ** (zoom - this.zoom);
    this.center = { x: this.center.x * factor, y: this.center.y * factor };
    this.zoom = zoom;
    this.draw();
  }

  moveBy(x, y) {
    this.center = { x: this.center.x - x, y: this.center.y - y };
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.box;
    const left = Math.round(this.center.x - width / 2);
    const top = Math.round(this.center.y - height / 2);
    const count = 2 ** this.zoom;
    const kept = new Set();
    for (let row = Math.floor(top / TILE); row * TILE < top + height && kept.size < MOST_TILES; row += 1) {
      for (let column = Math.floor(left / TILE); column * TILE < left + width && kept.size < MOST_TILES; column += 1) {
        if (row < 0 || row >= count) continue;
        const across = ((column % count) + count) % count;
        const url = this.tiles.replace("{z}", this.zoom).replace("{x}", across).replace("{y}", row);
        const picture = this.pictureOf(url);
        picture.style.transform = `translate(${column * TILE - left}px, ${row * TILE - top}px)`;
        kept.add(picture);
      }
    }
    for (const picture of [...this.ground.children]) if (!kept.has(picture)) picture.remove();
    this.pins.forEach((pin, index) => {
      const { x, y } = pixels(this.places[index].latitude, this.places[index].longitude, this.zoom);
      pin.style.transform = `translate(${x - left}px, ${y - top}px)`;
    });
  }

  /** The server learns which part of the world is looked at, and not from which page. */
  pictureOf(url) {
    const there = [...this.ground.children].find((picture) => picture.dataset.url === url);
    if (there) return there;
    const picture = element("img", "map__tile", this.ground);
    picture.referrerPolicy = "no-referrer";
    picture.alt = "";
    picture.draggable = false;
    picture.dataset.url = url;
    picture.src = url;
    return picture;
  }

  listen() {
    let last = null;
    this.box.addEventListener("pointerdown", (event) => {
      if (event.target.closest("a, button")) return;
      last = event;
      this.box.setPointerCapture(event.pointerId);
    });
    this.box.addEventListener("pointermove", (event) => {
      if (!last || last.pointerId !== event.pointerId) return;
      this.moveBy(event.clientX - last.clientX, event.clientY - last.clientY);
      last = event;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.box.addEventListener(end, () => {
        last = null;
      });
    }
    this.box.addEventListener("keydown", (event) => {
      const step = { "+": 1, "=": 1, "-": -1 }[event.key];
      if (step) this.zoomBy(step);
      const arrow = ARROWS[event.key];
      if (!arrow) return;
      event.preventDefault(); // the page would scroll
      this.moveBy(...arrow);
    });
    this.box.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return; // the page scrolls over the map as over anything else
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 1 : -1);
      },
      { passive: false },
    );
  }
}

/** Put the map in the place of the button that asked for it. */
export function show(button) {
  const { tiles, attribution, places, name, closer, farther } = button.dataset;
  const map = new PlacesMap(button.parentElement, { tiles, attribution, name, closer, farther }, JSON.parse(places));
  button.remove();
  map.draw();
  map.box.tabIndex = 0;
  map.box.focus();
}
