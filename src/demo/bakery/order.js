// The order's steps without loading: the demo's single-page section.
(function () {
  function show(path) {
    document.querySelectorAll('[data-step]').forEach(function (step) {
      step.hidden = step.dataset.step != path;
    });
  }

  document.addEventListener('click', function (event) {
    var link = event.target.closest('.step a[href^="/order"]');
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    history.pushState({}, '', link.pathname);
    show(link.pathname);
    if (link.pathname == '/order/done' && window.headcount) {
      var bread = document.querySelector('[name=bread]:checked');
      headcount('Order', {props: {bread: bread.value}});
    }
  });
  addEventListener('popstate', function () {
    show(location.pathname);
  });
})();
