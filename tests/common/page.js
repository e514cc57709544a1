// The test site's own script: tells of every error, calls headcount before it is there, and on
// one page does what some frameworks do.
addEventListener('error', function (event) {
  navigator.sendBeacon('/complain', String(event.message));
});
addEventListener('unhandledrejection', function (event) {
  navigator.sendBeacon('/complain', String(event.reason));
});
if (location.pathname == '/rewritten') {
  history.replaceState({}, '', '/other');
  document.addEventListener('DOMContentLoaded', function () {
    history.replaceState({}, '', '/another');
  });
}
if (location.pathname == '/early') {
  window.headcount = window.headcount || function () {
    (headcount.q = headcount.q || []).push(arguments);
  };
  headcount('Early', {value: 2});
}
