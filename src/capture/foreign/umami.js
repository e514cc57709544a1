// Pages with Umami's snippet: umami.track(…) as it may be called, and data-umami-event attributes.

(function ($w, $d) {
  var $own = $d.currentScript || {}, $domains = $read('domains'), $manual = $read('auto-track') == 'false';

  function $read($name) {
    return $own.getAttribute && $own.getAttribute('data-' + $name);
  }

  function $track($what, $data) {
    if (typeof $what == 'function') $what = $what({
      website: $read('website-id'),
      hostname: location.hostname,
      url: location.pathname + location.search,
      title: $d.title,
      referrer: $d.referrer,
      language: navigator.language,
      screen: screen.width + 'x' + screen.height
    }) || {none: 1};
    if (typeof $what == 'string') $what = {name: $what, data: $data};
    $what = $what || {};
    $data = Object.assign({}, $what.data);
    var $other = 'CURRENCY' && $data.currency && $data.currency != 'CURRENCY', $value = +$data.revenue;
    if ('revenue' in $data) delete $data.revenue, delete $data.currency;
    if ($what.name) $w.headcount($what.name, {props: $data, value: $other ? 0 : $value});
    else if (!$what.none && $w.headcount.show) $w.headcount.show($what.url);
    return Promise.resolve();
  }

  $w.umami = {track: $track, identify: function () {
    return Promise.resolve();
  }};
  if ($domains && $domains.split(/\s*,\s*/).indexOf(location.hostname) < 0) {
    $w.headcount = $w.headcount || function () {};
    return;
  }
  START;
  $d.addEventListener('click', function ($event) {
    var $element = $event.target.closest && $event.target.closest('[data-umami-event]'), $props = {};
    if (!$element) return;
    [].forEach.call($element.attributes, function ($attribute) {
      var $match = /^data-umami-event-(.+)/.exec($attribute.name);
      if ($match) $props[$match[1]] = $attribute.value;
    });
    $track($element.getAttribute('data-umami-event'), $props);
  }, true);
})(window, document);
