//! What pages have of each tracker.
//!
//! GoatCounter's script is in no registry of packages: what its documentation says that it asks for
//! stands here by hand.

/// A tracker on the site's pages.
pub struct Tracker {
    pub name: &'static str,
    /// What a page has in its head, `buy()` among it: the event. `HOST` is the page's own.
    pub head: &'static str,
    /// To be called after a navigation within the document, if it does not see those by itself.
    pub pushed: &'static str,
    /// Whether the event has properties, and a worth.
    pub tells: (bool, bool),
    /// Whether an element can be marked as an event, and its properties.
    pub marks: (bool, bool),
    /// Whether it tells of links away.
    pub outbound: bool,
    /// It is our own script.
    pub own: bool,
    /// Where it sends what it tells, if it looks only some time after a navigation where it is:
    /// of two within that time it would tell the second twice.
    pub sends_late: Option<&'static str>,
}

pub const PLAUSIBLE: Tracker = Tracker {
    name: "plausible",
    head: "<script type=module>
        import { init, track } from '/npm/node_modules/@plausible-analytics/tracker/plausible.js';
        init({ domain: 'site.test', endpoint: '/api/event', outboundLinks: true });
        window.buy = () => track('Buy', {
            props: { plan: 'pro' }, revenue: { amount: 9.5, currency: 'EUR' },
        });
        </script>",
    pushed: "",
    tells: (true, true),
    marks: (true, true),
    outbound: true,
    own: false,
    sends_late: None,
};

pub const PLAUSIBLE_TRACKER: Tracker = Tracker {
    name: "plausible-tracker",
    head: "<script type=module>
        import Plausible from '/npm/node_modules/plausible-tracker/build/module/index.js';
        const tracker = Plausible({ domain: 'site.test', apiHost: '' });
        tracker.enableAutoPageviews();
        tracker.enableAutoOutboundTracking();
        window.buy = () => tracker.trackEvent('Buy', { props: { plan: 'pro' } });
        </script>",
    tells: (true, false),
    marks: (false, false),
    ..PLAUSIBLE
};

pub const BARBAPAPAZES: Tracker = Tracker {
    name: "barbapapazes",
    head: "<script type=module>
        import { createPlausibleTracker }
            from '/npm/node_modules/@barbapapazes/plausible-tracker/dist/index.mjs';
        import { useAutoPageviews, useAutoOutboundTracking }
            from '/npm/node_modules/@barbapapazes/plausible-tracker/dist/extensions/index.mjs';
        const tracker = createPlausibleTracker({ domain: 'site.test', apiHost: '' });
        useAutoPageviews(tracker).install();
        useAutoOutboundTracking(tracker).install();
        window.buy = () => tracker.trackEvent('Buy', {
            props: { plan: 'pro' }, revenue: { amount: 9.5, currency: 'EUR' },
        });
        </script>",
    marks: (false, false),
    ..PLAUSIBLE
};

pub const UMAMI: Tracker = Tracker {
    name: "umami",
    head: "<script defer src=/npm/package/src/tracker/index.js data-website-id=w
            data-host-url=http://HOST></script>
        <script>
        function buy() { umami.track('Buy', { plan: 'pro', revenue: 9.5, currency: 'EUR' }) }
        </script>",
    outbound: false,
    sends_late: Some("/api/send"),
    ..PLAUSIBLE
};

pub const GOATCOUNTER: Tracker = Tracker {
    name: "goatcounter",
    head: "<script>
        function count(more) {
            new Image().src = '/count?' + new URLSearchParams(Object.assign({
                p: location.pathname + location.search, r: document.referrer, t: document.title,
                s: [screen.width, screen.height, devicePixelRatio], b: 0, q: location.search,
                rnd: Math.random(),
            }, more));
        }
        count();
        function buy() { count({ p: 'Buy', e: true }) }
        </script>",
    pushed: "count()",
    tells: (false, false),
    marks: (false, false),
    outbound: false,
    ..PLAUSIBLE
};

/// GoatCounter's own script, which is in no registry: see [`website`](super::website).
pub const GOATCOUNTERS_OWN: Tracker = Tracker {
    name: "goatcounters-own",
    head: "<script data-goatcounter=http://HOST/count async src=/goatcounters-own.js></script>
        <script>function buy() { goatcounter.count({ path: 'Buy', event: true }) }</script>",
    pushed: "goatcounter.count()",
    marks: (true, false),
    ..GOATCOUNTER
};

pub const AS_PLAUSIBLE: Tracker = Tracker {
    name: "as-plausible",
    head: "<script>
        window.plausible = window.plausible || function () {
            (plausible.q = plausible.q || []).push(arguments);
        };
        function buy() {
            plausible('Buy', { props: { plan: 'pro' }, revenue: { amount: 9.5, currency: 'EUR' } });
        }
        if (/one$/.test(location.pathname)) plausible('Early');
        </script>
        <script defer data-domain=site.test data-api=/api/event
            src=/js/script.outbound-links.tagged-events.js></script>",
    own: true,
    ..PLAUSIBLE
};

pub const AS_NEW_PLAUSIBLE: Tracker = Tracker {
    name: "as-new-plausible",
    head: "<script async src=/js/pa-0123456789abcdef.js></script>
        <script>
        window.plausible = window.plausible || function () {
            (plausible.q = plausible.q || []).push(arguments);
        }, plausible.init = plausible.init || function (i) { plausible.o = i || {} };
        plausible.init({ customProperties: { plan: 'pro' } });
        function buy() { plausible('Buy', { revenue: { amount: 9.5, currency: 'EUR' } }) }
        </script>",
    ..AS_PLAUSIBLE
};

pub const AS_MANUAL_PLAUSIBLE: Tracker = Tracker {
    name: "as-manual-plausible",
    head: "<script defer data-domain=site.test src=/js/script.manual.js></script>
        <script>
        window.plausible = window.plausible || function () {
            (plausible.q = plausible.q || []).push(arguments);
        };
        plausible('pageview', { u: location.href });
        function buy() {
            plausible('Buy', { props: { plan: 'pro' }, revenue: { amount: 9.5, currency: 'EUR' } });
        }
        </script>",
    pushed: "plausible('pageview', { u: location.href })",
    marks: (false, false),
    ..AS_PLAUSIBLE
};

pub const AS_UMAMI: Tracker = Tracker {
    name: "as-umami",
    head: "<script defer src=/script.js data-website-id=w></script>
        <script>
        function buy() { umami.track('Buy', { plan: 'pro', revenue: 9.5, currency: 'EUR' }) }
        </script>",
    ..AS_PLAUSIBLE
};

pub const AS_GOATCOUNTER: Tracker = Tracker {
    name: "as-goatcounter",
    head: "<script data-goatcounter=/count async src=/count.js></script>
        <script>function buy() { goatcounter.count({ path: 'Buy', event: true }) }</script>",
    tells: (false, false),
    marks: (true, false),
    ..AS_PLAUSIBLE
};

pub const ALL: [&Tracker; 11] = [
    &PLAUSIBLE,
    &PLAUSIBLE_TRACKER,
    &BARBAPAPAZES,
    &UMAMI,
    &GOATCOUNTER,
    &GOATCOUNTERS_OWN,
    &AS_PLAUSIBLE,
    &AS_NEW_PLAUSIBLE,
    &AS_MANUAL_PLAUSIBLE,
    &AS_UMAMI,
    &AS_GOATCOUNTER,
];
