### What pages and mails say in English, by page.

## Dates

date-month-short = { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
}
date-month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
date-weekday-short = { $day ->
    [1] Mon
    [2] Tue
    [3] Wed
    [4] Thu
    [5] Fri
    [6] Sat
   *[7] Sun
}
date-day = { $day } { $month }
date-day-alone = { $day }
date-full = { $date } { $year }
date-month-of-year = { $month } { $year }
date-week = week of { $day }

## Metrics

metric-visitors = Visitors
metric-unique-visitors = Unique visitors
metric-confirmed-visitors = Confirmed visitors
metric-visits = Visits
metric-visits-begun = Visits that began
metric-pageviews = Pageviews
metric-views = Views
metric-views-per-visit = Views per visit
metric-bounce-rate = Bounce rate
metric-visit-duration = Visit duration
metric-time-on-page = Time on page
metric-scroll-depth = Scroll depth
metric-exit-rate = Exit rate
metric-events = Events
metric-conversion-rate = Conversion rate
metric-of-all = Of all visitors
metric-revenue = Revenue
metric-average-revenue = Average revenue
metric-served = Served
metric-confirmed = Confirmed
metric-browser-only = Browser only
metric-unconfirmed = Unconfirmed
metric-responses = Requests
metric-seen = In a browser
metric-sent = Sent
metric-complete = Complete
metric-aborted = Aborted
metric-subscribers = Subscribers
metric-change-points = { $n ->
    [one] { $shown } point
   *[other] { $shown } points
}

## Properties: what rows are told apart by

property-page = Page
property-hostname = Hostname
property-event = Event
property-goal = Goal
property-property = Property
property-outbound-link = Outbound link
property-file = File that was clicked
property-entry-page = Entry page
property-entry-page-hostname = Entry page hostname
property-exit-page = Exit page
property-source = Source
property-referrer = Referrer
property-channel = Channel
property-utm-source = UTM source
property-utm-medium = UTM medium
property-utm-campaign = UTM campaign
property-utm-content = UTM content
property-utm-term = UTM term
property-country = Country
property-region = Region
property-city = City
property-device = Device
property-browser = Browser
property-browser-version = Browser version
property-os = OS
property-os-version = OS version
property-screen = Screen
property-language = Language
property-evidence = Evidence
property-cached = Cached
property-suspected = Suspected
property-bot-name = Bot
property-bot-class = Kind of bot
property-bot-page = Page that bots asked for
property-bot-status = Status that bots got
property-bot-identity = Bot, and how it is known
property-bot-proof = How it is known
property-bot-robots-txt = By robots.txt
property-network = Network
property-error-page = Missing or failed page
property-error-status = Status of the error
property-error-referrer = Page with the broken link
property-broken-link = Broken link ← page that has it
property-download-path = File
property-prefetch-page = Page fetched ahead
property-feed-path = Feed
property-feed-reader = Reader of the feed
property-ai-purpose = AI purpose
property-ai-page = AI page

## Values of rows that are words and not names

value-other = (other)
value-unknown = (unknown)
value-none = (none)
value-no-referrer = no referrer
value-robot = behaves like a robot
value-people = behaves like people
value-desktop = Desktop
value-laptop = Laptop
value-mobile = Mobile
value-tablet = Tablet
value-tv = TV
value-console = Console
value-direct = Direct
value-cross-network = Cross-network
value-display = Display
value-paid-shopping = Paid Shopping
value-paid-search = Paid Search
value-paid-social = Paid Social
value-paid-video = Paid Video
value-paid-other = Paid Other
value-email = Email
value-affiliates = Affiliates
value-audio = Audio
value-sms = SMS
value-push = Mobile Push Notifications
value-organic-shopping = Organic Shopping
value-organic-social = Organic Social
value-organic-video = Organic Video
value-organic-search = Organic Search
value-referral = Referral
value-ai-assistants = AI Assistants
value-direct-none = Direct / None
value-ai-assistant = AI assistant
value-search-engine = Search engine
value-ai-training = AI training
value-seo = SEO
value-monitor = Monitor
value-link-preview = Link preview
value-feed-reader = Feed reader
value-scanner = Security scanner
value-advertising = Advertising
value-archiver = Archiver
value-tool = Library or tool
value-headless = Headless browser
value-no-user-agent = No user agent
value-false-claim = False claim
value-other-bot = Other bot
value-claimed = unproven
value-not-listed = unproven, address not on its list
value-claimed-data-centre = unproven, from a data centre
value-published-address = address listed by its maker
value-reverse-dns = address named by its maker
value-signature = signed by its maker
value-wrong-signature = wrongly signed
value-refuted = proven false
value-allowed = allowed
value-disallowed = not allowed
value-data-centre = Data centre
value-screen-phone = Below 576 px
value-screen-tablet = 576 to 991 px
value-screen-laptop = 992 to 1439 px
value-screen-desktop = 1440 px and above
value-cached-own = same visitor
value-cached-other = other visitor
value-server-only = Server only
value-confirmed = Confirmed
value-browser-only = Browser only
value-unverified = Unverified
value-outbound-click = Click on a link elsewhere
value-file-click = Click on a file's link

## Around every page of the dashboard

shell-skip = Skip to the numbers
shell-sites = Sites
shell-current-title = Seen in the last five minutes
shell-current = { $n ->
    [one] current visitor
   *[other] current visitors
}
shell-settings = Settings
shell-account = Account
shell-dashboard = Dashboard
shell-sign-out = Sign out
shell-period-before = Period before
shell-period-after = Period after
shell-without-suspected = Without suspected robots
shell-behind = Not up to date: the store has not taken what was counted since { $time }.
shell-made-up = The demo's past is still being made up: { $n }%. Until then days are missing.
shell-days = Days are days in { $zone }.
shell-sum = Visitors over several days are a sum of days: nobody is recognised the day after.
shell-read = Read at { $time }. New numbers come every { $seconds } s.
shell-untagged = Pages without the script's tag, because { $why }: { $n } since the start.
shell-notice = The last report or alert was not sent: { $why }.
shell-budget = Store commands: { $n } in 30 days at this pace, of { $most }.
shell-docs = Documentation
shell-language = Language
shell-colours = Colours
shell-theme-system = System
shell-theme-light = Light
shell-theme-dark = Dark

## Why pages have no script

untagged-coding = they come compressed
untagged-policy = their content security policy forbids the script or its reports
untagged-amp = they are AMP pages
untagged-xhtml = they are XHTML
untagged-charset = their encoding is UTF-16 or the like
untagged-no-transform = they say Cache-Control: no-transform
untagged-markup = their markup has no place for it
untagged-panic = the program failed over them

## What the script says

script-answer = The answer was { $status }
script-silent = headcount does not answer
script-loading = Loading …
script-stale = Not up to date: these are the numbers of { $time }. { $why }. Trying again.

## Keys

keys-title = Keys
keys-list = This list
keys-on = Keys are on

## Periods

period-title = Period
period-today = Today
period-7d = 7d
period-30d = 30d
period-month = Month
period-12mo = 12mo
period-7-days = 7 days
period-28-days = 28 days and today
period-30-days = 30 days
period-91-days = 91 days and today
period-6-months = 6 months
period-12-months = 12 months
period-this-month = This month
period-year = This year
period-all = All time
period-yesterday = Yesterday
period-last-month = Last month
period-24-hours = 24 hours
period-last-24-hours = Last 24 hours
period-custom = Custom
period-more = More
period-from = From
period-to = To
period-show = Show
period-days-and-today = { $n } days and today

## Comparing

compare-menu = Compare: { $with }
compare-before = Period before
compare-day-before = Day before
compare-last-week = Same day last week
compare-week-before = Same day the week before
compare-year = Year before
compare-nothing = Nothing
compare-other = Other days
compare-weekdays = Match weekdays
compare-by-weekday = { $with }, weekdays matched
compare-do = Compare

## Topics

topic-nav = Parts of the dashboard
topic-overview = Overview
topic-realtime = Realtime
topic-bots = Bots and AI
topic-errors = Errors
topic-speed = Speed
topic-files = Files and feeds
topic-about-bots = Programs that say what they are: search engines, AI, monitors, tools. None of them is counted as a visitor. Anybody can say so; how they are known is told beside them.
topic-about-errors = Pages that were asked for and not there, or that failed. None of them is a pageview, and robots that say what they are do not count. “In a browser” are those that a browser showed: most likely to a person. Behind the arrow of a broken link is the page that has it. Who asked is not kept, so people cannot be counted here.
topic-about-speed = How long people wait. The website's own time is measured for everyone, the rest by the script, where that is switched on.
topic-about-files = Files that were sent, feeds and their readers, and pages that browsers fetched before anyone asked for them.

## Overview

overview-totals = Totals
overview-confirmed = { $share } confirmed
overview-confirmed-title = of what the server answered, so much was confirmed by a script in the browser
overview-up = up
overview-down = down
overview-unchanged = unchanged
overview-before = before: { $n }
overview-last-30-minutes = The last 30 minutes
overview-since = Since { $day }, { $time }
overview-24-hours-from = 24 hours from { $day }, { $time }
overview-so-far = { $days } so far
overview-today-until = Today until { $time }
overview-days-and-today = { $n } days and today so far ({ $days })
overview-compared = { $days }, compared with { $before }
overview-compared-until = { $days }, compared with { $before } until { $time }
overview-by-weekday = { $line }, weekdays matched
overview-no-data = { $days }; not compared with { $before }: there are no data before { $day }
overview-no-data-before = no data before { $day }
overview-rows-missing = { $days }; not everything is kept of each visit of the time before
overview-whole-days = { $days }; of one page, whole days are compared only
overview-no-parts = { $days }; the time before is kept by whole days only
overview-nothing-before = { $days }; there is nothing before to compare with
overview-steps = Steps of the chart
overview-minutes = Minutes
overview-hours = Hours
overview-days = Days
overview-weeks = Weeks
overview-months = Months
overview-no-hours = Hours are counted for all traffic together. { $link }.
overview-see-7-days = See this over 7 days
overview-no-pageviews = No pageviews yet
overview-first-visit = Counts appear within { $seconds } s of the first visit. Open the site through the proxy to see one.
overview-none-in-period = No pageviews in this period
overview-look-12-months = Look at the last 12 months
start-title = Waiting for the first pageview
start-open = Open your website through headcount, as a visitor would: { $link }
start-open-elsewhere = Open a page of your website, as a visitor would. They come in by the proxy that this is part of.
start-lead = Then let your visitors come that way: headcount { $front } your website, or { $behind } another server.
start-front = in front of
start-behind = behind
start-watches = This page watches: the numbers appear by themselves, within { $seconds } s of the first visit.
start-programs = Requests of programs so far: { $n }. They are counted apart and are no pageviews.
imported-legend = imported
imported-of = { $n } imported
imported-until = imported from { $program } until { $day }
imported-part = Part of it was { $from }: pageviews, visits and visitors, counted apart; rates and durations are without.
imported-untold = Not shown: totals { $from }. They are totals of days, which filters and hours do not tell apart.
imported-left = Left out: totals { $from }.
imported-leave = Leave it out
imported-take = Add them

## Chart

chart-today = Today
chart-now = Now
chart-so-far = { $when }, so far
chart-until = { $when } until { $time }
chart-note = note: { $text }
chart-notes = Notes
chart-pin = Pin a note to a day
chart-all-notes = All notes
chart-table = Show as a table
chart-numbers = Numbers of the chart
chart-time = Time
chart-before = Before
chart-summary = { $name } over time, at most { $most }

## Cards

card-pages = Pages
card-sources = Sources
card-places = Places
card-devices = Devices
card-events = Events
card-bots = Who they are
card-fetched = What they fetch
card-suspected = Visitors who behave like robots
card-known = How they are known
card-networks = Visitors from data centres
card-links = Broken links
card-linked-from = { $n ->
    [one] linked from { $n } page
   *[other] linked from { $n } pages
}
card-status = Status
card-downloads = Files sent
card-feeds = Feeds
card-prefetches = Pages fetched ahead
card-unconfirmed = Views not confirmed by the script
card-caches = Views from caches
card-goals = Goals
card-more = More
card-all = All { $n } in detail
card-details = Details
card-nothing = Nothing that the filters let through.
card-tab-top = Top
card-tab-reading = Reading
card-tab-entry = Entry
card-tab-happened = Where it happened
card-tab-began = Where visits began
card-tab-exit = Exit
card-tab-weight = Weight
card-tab-hosts = Hosts
card-tab-channels = Channels
card-tab-referrers = Referrers
card-tab-campaigns = Campaigns
card-tab-utm-source = UTM source
card-tab-medium = Medium
card-tab-content = Content
card-tab-term = Term
card-tab-countries = Countries
card-tab-regions = Regions
card-tab-cities = Cities
card-tab-languages = Languages
card-tab-types = Types
card-tab-browsers = Browsers
card-tab-os = OS
card-tab-screens = Screens
card-tab-browser-versions = Browser versions
card-tab-os-versions = OS versions
card-tab-properties = Properties
card-tab-outbound = Links
card-tab-file-links = File clicks
card-tab-names = Names
card-tab-kinds = Kinds
card-tab-suspected = Suspected
card-tab-proof = How
card-tab-robots-txt = robots.txt
card-tab-networks = Networks
card-tab-readers = Readers
card-tab-prefetches = Fetched ahead
card-tab-cached = Cached views
card-col-bounce = Bounce
card-col-time = Time
card-col-scroll = Scroll
card-col-clicks = Clicks
card-col-fetched = Fetched
card-col-never-seen = Never seen
card-col-fetches = Fetches
card-col-downloads = Downloads
card-col-total = Total
card-col-rate = Rate

## Where a card has no rows

empty-pages = No pages seen yet. They appear with the first pageview.
empty-bots = No bots came by.
empty-errors = No errors. Nobody met a missing page.
empty-feeds = No feed was fetched.
empty-script = Nothing to compare: the server has answered no view yet.
empty-utm = No tagged links. Add utm_source, utm_medium or utm_campaign to the links you share.
empty-city = Regions and cities need a GeoIP database: set geoip to its file.
empty-devices = No devices seen yet.
empty-visits = No visits yet.
empty-referrers = No links from other sites followed yet.
empty-places = No places known yet.
empty-languages = No languages known yet.
empty-screens = Screens are told by the script: add its tag, or set inject = true.
empty-events = No custom events. The script sends them.
empty-properties = No event had properties.
empty-outbound = No links to elsewhere followed.
empty-file-links = No links to files followed.
empty-suspected = Nobody behaved like a robot.
empty-proof = No bots came by since it is counted how they are known.
empty-robots-txt = Nothing is known: nobody has fetched the website's robots.txt yet.
empty-networks = Nobody came from a data centre, as far as that is known: the setting “networks” names the database that tells.
empty-downloads = No files were sent.
empty-prefetches = No pages fetched ahead. Those that were, and never seen, would be no pageviews.
empty-cached = No view came from a cache.
empty-goals = No goal was reached.

## Evidence

evidence-title = Evidence
evidence-summary = { $share } of all views were answered by the server and confirmed by the browser
evidence-of-answered = of those that the server answered, { $share }
evidence-about = How each view is known. Other tools see only what scripts tell them, or only what logs hold.
evidence-why-server = answered by the server; no script spoke up, blocked or not
evidence-why-confirmed = answered by the server and confirmed by the browser
evidence-why-browser = shown without a request: navigation in the page, or a cache
evidence-why-unverified = told by a browser that shows no sign of having the page from here: less certain than the others

## Filters

filter-title = Filters
filter-clear = Clear all
filter-own-view = This page's own view, of all visits.
filter-by-page = Filter the overview by this page
filter-heat-maps = Heat maps and paths of this page
filter-limited = Shown is a part of the site.
filter-remove = Remove the filter: { $filter }
filter-or = or
filter-is = is
filter-is-not = is not
filter-contains = contains
filter-contains-not = does not contain
filter-matches = matches
filter-matches-not = does not match
filter-menu = Filter
filter-property = Property
filter-operator = Operator
filter-value = Value
filter-placeholder = one | another
filter-suggest = Show its values
filter-add = Add
filter-from-parts = Parts of days are counted from single visits.
filter-from-day = Filtered numbers begin on { $day }.
filter-from-day-why = They are counted from single visits, of which some are missing before.
filter-from-rows = Filtered numbers are counted from single visits, which are kept for all of these days.
filter-no-rows-parts = Of these days single visits and requests are not kept, which parts of days are counted from.
filter-no-rows = Of these days single visits and requests are not kept, which filtered numbers are counted from.
filter-one-property = Shown is what is counted of one property at a time.
filter-without-visits = Robots, errors, files and feeds belong to no visit and are left out.
filter-without-views = What is told of pageviews (evidence, speed) and of robots, errors, files and feeds is left out.
filter-without-people = These are counted apart from visits, which are left out.

## Segments in the dashboard

segment-menu = Segment
segment-title = Segment { $name }
segment-remove = Remove the segment { $name }
segment-delete = Delete the segment { $name }
segment-name = Name
segment-save = Save these filters

## Goals and funnels in the dashboard

goal-since = Goals of the settings page are told since { $day }, as far as single visits are kept.
goal-through = { $share } get through
goal-nobody = No visit has begun this yet.
goal-none = nobody
goal-none-through = Nobody got through
goal-of-all = Shown without the filter by its goal: whoever reached that got through.
goal-visits = Visits that took these steps in this order. Pages and goals count visitors, and a goal’s total each time it was reached: so their numbers differ.
goal-visits-filtered = A visit with any part that is as the filter says counts with all its steps, and goals count that part alone.
goal-leave = { $share } leave here

## A card's own page

details-search-in = Search in { $card }
details-search = Search
details-no-rows = No rows
details-of = { $first }–{ $last } of { $all }
details-back = Back to all
details-nothing = Nothing is called so, or nothing of it was counted.
details-rows = Rows: { $card }
details-pages = Pages
details-before = ‹ Before
details-page = Page { $page } of { $pages }
details-next = Next ›

## What cards hold, as tables and files

sheet-all = All cards of this page:
sheet-chart = Over time
sheet-metric = Metric
sheet-value = Value
sheet-change = Change in %, of shares in points
sheet-confirmed = Confirmed
sheet-compared = Compared with
sheet-timing = What is timed
sheet-step = Step
sheet-target = What it is
sheet-of-all = Of the first step
sheet-of-previous = Of the step before
sheet-way = Way
sheet-after = After
sheet-row = Row
sheet-column = Column
sheet-tenth = Tenth of the page

## Heat maps

heat-title = Heat map
heat-clicks = Clicks
heat-scroll-depth = Scroll depth
heat-screen = Screen
heat-nothing = Nothing yet. Clicks and scroll depth are told by the script, where they are switched on.
heat-grid = { $n } clicks on a grid of { $columns } columns
heat-n-clicks = { $n ->
    [one] { $n } click
   *[other] { $n } clicks
}
heat-below = { $clicks }, { $n } of them further down
heat-places = { $clicks }. Places are relative to the page's width; lines are a page width apart.
heat-reached = Of { $n } views, { $middle } reached the middle and { $end } the end
heat-depth = to { $depth }
heat-tenths = Of { $n } views whose scroll depth is known, so many got into each tenth of the page.
heat-outline = Beneath it is the outline of the page as most had it.
heat-no-outline = The page's outline is not known yet: it is drawn once somebody has clicked, with the script of this release.

## A page's own view

journey-title = Before and after it
journey-of = { $n } visits that viewed it
journey-about = From the first view of it in each visit. Who came back to it and ended there is among “Visits that ended here”, but has a page after that first view.
journey-before = { $n ->
    [one] The page before
   *[other] { $n } pages before
}
journey-after = { $n ->
    [one] The page after
   *[other] { $n } pages after
}
journey-began = no page before
journey-ended = no page after
journey-others = other pages

way-title = Around it
way-began = Visits that began here
way-ended = Visits that ended here
way-exits = Views that ended a visit
way-since = What was before and after it, where its visits came from and who they were is told since { $day }, as far as single visits are kept.
way-to-the-end = Read to the end, of { $n } views whose scroll depth is known
way-unconfirmed = Views that the script did not confirm
way-training = Read to train AI
way-assistant = Fetched by an assistant
way-disallowed = Read by AI against robots.txt
way-referral = Visits an assistant sent
way-three-of-four = three of four views were at most this slow
way-broken = Broken links to it
way-from = where people came from

## AI

ai-title = Pages that AI reads, and visits it sends there
ai-read = Pages that AI reads
ai-makers = AI: who reads, and whom it sends
ai-makers-about = all requests, files and robots.txt too
ai-reads-about = pages that were read
ai-maker = AI
ai-requests-training = Fetched to train
ai-requests-answers = Fetched for people
ai-sent-by = Visits that { $name } sent, and where they began
ai-readers = Which AI reads this page
ai-unnamed = { $n } requests of robots are not told apart by name: too many names came.
ai-training = Read to train
ai-answers = Read for people
ai-disallowed = Against robots.txt
ai-sent = Visits sent

## Realtime

live-title = Right now
live-noscript = With JavaScript, what happens is shown here at once.
live-quiet = Nothing has happened since this page was opened.

## Speed

speed-website = Website
speed-website-why = until it answered the proxy
speed-ttfb = First byte
speed-ttfb-why = TTFB, in the browser
speed-lcp = Largest paint
speed-lcp-why = LCP, in the browser
speed-inp = Interaction
speed-inp-why = INP, in the browser
speed-cls = Layout shift
speed-cls-why = CLS, in the browser
speed-good = good
speed-fair = needs improvement
speed-poor = poor
speed-views = { $n } views
speed-whole-days = Speed is told of whole days.
speed-of-views = Speed is told of views, and not of goals and events.
speed-nothing = No view was timed.
speed-large = Large figures: three of four views were at most this slow. The website's own time is known of every view, a browser's of those whose script told it.
speed-slowest = Slowest pages

## Several sites

sites-now = Now
sites-none = There is no site yet that you may see: an owner can change that.
sites-all = All sites, 30 days
sites-about = The last 30 days with today so far, each in the site's own time zone. Who visits two sites counts at both.

## Where nothing can be shown

problem-away = The counts are out of reach
problem-forbidden = This is not yours to see
problem-signed-out = Nobody is signed in
problem-not-found = There is nothing here
problem-other = That cannot be shown
problem-waits = Requests are still answered and counted. What is counted waits here, up to { $limit }, until the store takes it. This page tries again every { $seconds } s.
problem-back = Back to the dashboard
problem-line = This cannot be understood: { $line }
problem-store = The store cannot be read
problem-token = A valid token is needed: send { $header }.
problem-not-local = This port has no credentials, so it answers only to { $name }, { $network } and { $address }. Set a password or a token to use another name.
problem-elsewhere = This was sent by a page of another website.
problem-no-right = Your rights do not reach so far. An owner can give you more.
problem-no-site = There is more than one site: choose one.
problem-no-such-site = There is no site { $site }, or none that you may see.
problem-no-segment = There is no such segment, or not any more.
problem-no-page = No page has this address.
problem-method = This page is reached by a form only.
problem-full = There is no more room for this: delete some first.
problem-overtaken = Others changed the same at the same time. Try again.
problem-unreadable = What is kept in the store cannot be read.
problem-lost = This answer was lost. Ask again.

## What is wrong with what somebody filled in

wrong-length = A name or a text has 1 to { $most } characters and no line breaks.
wrong-name-sign = A name has no “=”.
wrong-taken = “{ $name }” is taken: choose another name.
wrong-full = There are { $most } already: delete one first.
wrong-long = This takes more than { $most } bytes: make it shorter.
wrong-no-name = The name is missing.
wrong-path = “{ $text }”: the path of a page begins with “/”.
wrong-target = “{ $text }” is neither a page nor an event.
wrong-steps = A funnel has 2 to { $most } steps.
wrong-step-sign = “{ $step }”: a step has no “{ $sign }”.
wrong-note-gone = This note was deleted meanwhile.
wrong-note-changed = This note was changed meanwhile. It says now: { $text }
wrong-address = “{ $text }” is no address and no network.
wrong-everybody = This would leave out everybody.
wrong-origin = “{ $text }” is no origin, like https://www.example.org.
wrong-origins = A link has at most { $most } origins.
wrong-locked-in-frame = A link with a password cannot be shown in a frame: browsers send no cookies there.
wrong-public-already = The site has a public page already.
wrong-person-gone = This person was taken out meanwhile.
wrong-token-for-nothing = Choose what the token is good for: a site and a right.
wrong-password = A password has { $least } to { $most } characters.
wrong-old-password = This is not your password so far.
wrong-day = “{ $text }” is no date from 1970 on.
wrong-backwards = The first day is after the last.
wrong-long-range = That is longer than { $years } years.
wrong-no-value = A filter by “{ $property }” needs a value.
wrong-pattern = “{ $text }” is no regular expression.
wrong-no-goal = There is no goal “{ $name }”.
wrong-no-segment = There is no segment “{ $name }”, or not any more.
wrong-apart = “{ $one }” and “{ $other }” are counted apart: nothing meets both.
wrong-tells-nothing = What is filtered by tells nothing of this: take a filter away.
wrong-no-column = The rows are sorted by a column that they do not have under these filters.
wrong-only-totals = Of { $day } only totals are left, and those of every property for its whole month: look at whole months.

## Signing in

login-title = Sign in
login-away = The store does not answer. The password of the settings file works all the same, without a name.
login-name = Name
login-name-help = Leave it empty to use the password of the settings file.
login-password = Password
login-no-people = The store, which knows the people, does not answer. Who has the password of the settings file can sign in without a name.
login-too-many = Too many wrong passwords from your address. Try again in { $seconds } s.
login-wrong-name = That is not the name and the password of anybody.
login-wrong = That is not the password.

## Invitations

invite-page = Invitation
invite-not-good = This invitation is not good: it was used, withdrawn, or is older than seven days. Ask for another one.
invite-title = You are invited
invite-name = Name or email, to sign in with
invite-password = A password of your own
invite-too-many = Too many tries from your address. Try again in { $seconds } s.

## One's own account

account-file = Who has the settings file's password
account-everything = May see and change all sites.
account-nothing = May see no site yet: an owner can change that.
account-sites = May see { $sites }.
account-sign-out = Sign out everywhere
account-another = Another password
account-ends = It ends all sessions; sign in again with the new one.
account-old = Password so far
account-new = New password
account-change = Change

## Shared links

link-unknown = There is no such link, or not any more.
link-locked = This link has a password
link-too-many = Too many wrong passwords. Try again in { $seconds } s.
link-wrong = That is not the password of this link.

## Settings: what all parts share

settings-of = Settings of { $site }
settings-goals = Goals
settings-funnels = Funnels
settings-notes = Notes
settings-segments = Segments
settings-exclusions = Exclusions
settings-sharing = Sharing
settings-people = People
settings-tokens = API tokens
settings-copy = Copy it now: it is not kept, and not shown again.
settings-file = settings file
settings-name = Name
settings-add = Add
settings-change = Change
settings-change-one = Change { $name }
settings-delete = Delete
settings-delete-one = Delete { $name }
settings-save = Save

## Settings: goals and funnels

goals-new = Add a goal
goals-about = A page that is viewed or an event that happens. It applies to the past too, as far as single visits are kept.
goals-example = Sign-up
goals-reached-by = Reached by
goals-page = viewing the page
goals-event = the event
goals-target = Path or event
goals-none = There are no goals yet.
funnels-new = Add a funnel
funnels-about = Two to eight steps that a visit takes one after the other, a step a line: { $page } or { $event }.
funnels-example = Checkout
funnels-steps = Steps
funnels-none = There are no funnels yet.

## Settings: notes

notes-new = Pin a note to a day
notes-edit = Change a note
notes-about = A launch, a newsletter, an outage: what the numbers do not say by themselves. Whoever may see the site sees its notes, on the chart and below it.
notes-day = Day
notes-text = Note
notes-none = There are no notes yet.

## Settings: segments

segments-about = Filters under a name. Filter the dashboard, and save that with “Segment”.
segments-none = There are no segments yet.

## Settings: addresses left out

exclusions-new = Leave out an address
exclusions-about = Whoever comes from it is not counted, within seconds and on all nodes. What was counted before stays: of nobody is an address kept.
exclusions-address = Address or network
exclusions-do = Leave out
exclusions-here = Leave out where I am now: { $network }
exclusions-title = Left out
exclusions-none = Everybody is counted.

## Settings: sharing

sharing-public = Public page
sharing-everybody = Everybody may see this site at { $link }.
sharing-private = Make it private
sharing-nobody = Nobody sees this site without a name or a link.
sharing-framed = Websites that may show it in a frame
sharing-publish = Make it public
sharing-new = Make a link
sharing-about = Who has the link sees this site and nothing else, and changes nothing. What is limited to a segment shows only that, in every number.
sharing-example = For the agency
sharing-password = Password (optional)
sharing-shows = Shows
sharing-everything = everything
sharing-segment = the segment { $name }
sharing-gone = nothing: its segment is gone
sharing-framed-optional = Websites that may show it in a frame (optional)
sharing-make = Make the link
sharing-links = Links
sharing-none = There are no links yet.
sharing-link = { $name } shows { $what }
sharing-link-locked = { $name } shows { $what }, with a password
sharing-delete = Delete the link { $name }
sharing-frames = In frames of { $origins }: { $code }

## Settings: people

people-open = The settings file has no credentials, so whoever is on this machine may do everything here. Set { $key } before you invite others.
people-new = Invite somebody
people-about = You get a link to hand over. It is good for seven days, once; they choose their own password.
people-name = Name or email
people-may = May
people-see = see { $site }
people-change = see and change { $site }
people-everything = see and change all sites
people-invite = Make an invitation
people-invitation = The invitation
people-file = { $who } may see and change all sites
people-file-who = Who has the password
people-rights = Rights of { $name }
people-change-rights = Change the rights of { $name }
people-take-out = Take out
people-take-out-one = Take { $name } out
people-withdraw = Withdraw
people-withdraw-one = Withdraw the invitation of { $name }
people-role-none = nothing of this site
people-role-viewer = see it
people-role-owner = see and change it
people-role-everything = all sites
people-may-everything = { $name } may see and change all sites
people-may-change = { $name } may see and change { $site }
people-may-see = { $name } may see { $site }
people-may-nothing = { $name } may see nothing of { $site }
people-invited-everything = { $name } is invited and may see and change all sites
people-invited-change = { $name } is invited and may see and change { $site }
people-invited-see = { $name } is invited and may see { $site }
people-invited-nothing = { $name } is invited and may see nothing of { $site }

## Settings: tokens

tokens-new = Make a token
tokens-about = A program sends it as { $header }.
tokens-example = Weekly report
tokens-may = May
tokens-read-stats = read numbers, export single visits and events
tokens-read-sites = list sites, goals, properties and segments
tokens-write-sites = make and delete segments
tokens-read-metrics = read the metrics of the process
tokens-of = Of
tokens-all-sites = all sites, those to come included
tokens-make = Make the token
tokens-made = The new token
tokens-title = Tokens
tokens-none = There are no tokens yet.
tokens-file = { $n ->
    [one] { $n } token for everything
   *[other] { $n } tokens for everything
}
tokens-one = { $name } may { $scopes } of { $sites }
tokens-sites = all sites
tokens-used = last used on { $day }
tokens-never = never used
tokens-revoke = Revoke
tokens-revoke-one = Revoke { $name }

## Reports by mail

report-week = the week of { $days }
report-week-about = The week of { $days }, compared with the week before
report-month-about = { $month }, compared with the month before
report-countries = Countries
report-robots = Robots
report-by-day = Visitors by day
report-day = { $visitors } visitors { $views } views
report-in-visitors = visitors
report-in-requests = requests
report-as-before = as before
report-all-numbers = All numbers: { $link }
report-open = Open the dashboard

## Alerts

alert-spike = { $site }: { $n } views in an hour
alert-spike-line = { $n } views in the hour from { $since }; usual at this time of day: { $usual }.
alert-drop = { $site }: only { $n ->
    [one] { $n } view
   *[other] { $n } views
} in six hours
alert-drop-line = { $n ->
    [one] { $n } view
   *[other] { $n } views
} in the six hours from { $since }; usual at this time of day: { $usual }.
alert-robots = { $site }: robots asked { $n } times today
alert-robots-line = Robots were answered { $n } times since { $since }; usual in a whole day: { $usual }.
