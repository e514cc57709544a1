// Links that lead away from the site, and files.

function $follow($event) {
  var $link = $around($event, 'a[href]'), $away, $type;
  // Not the right button, which opens a menu.
  if (!$link || !$link.host || $event.button > 1) return;
  $away = $link.host != $l.host;
  $type = $away && 'outbound'; // [outbound]
  if ($link.hasAttribute('download') || /\.(pdf|csv|(doc|xls|ppt)x?|zip|gz|7z|rar|dmg|pkg|exe|msi|apk|mp[34])$/i.test($link.pathname)) $type = 'download'; // [downloads]
  // Never the query: it may hold what is nobody's business.
  if ($type) $add($type, {name: ($away ? $link.origin : '') + $link.pathname});
}

$on('click', $follow);
$on('auxclick', $follow);
