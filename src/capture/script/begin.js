// Inside another tracker's script, before ours: says whether the page counts by hand, and, of a
// script from another host, where beacons go. Of a second script on a page nothing is changed.

var $host = /^https?:\/\/[^\/]+/.exec($own.src || '') || [''];
if (!$w.headcount) $w.headcount = function () { $w.headcount.q.push(arguments); }, $w.headcount.q = [];
if ($w.headcount.q) $w.headcount.manual = $manual, $w.headcount.base = $host[0] == location.origin ? '' : $host[0];
