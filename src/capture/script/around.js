// The element of that kind that an event happened in.

function $around($event, $selector) {
  return $event.target.closest && $event.target.closest($selector);
}
