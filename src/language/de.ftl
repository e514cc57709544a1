### What pages and mails say in German, by page.

## Dates

date-month-short = { $month ->
    [1] Jan.
    [2] Feb.
    [3] März
    [4] Apr.
    [5] Mai
    [6] Juni
    [7] Juli
    [8] Aug.
    [9] Sep.
    [10] Okt.
    [11] Nov.
   *[12] Dez.
}
date-month = { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
}
date-weekday-short = { $day ->
    [1] Mo.
    [2] Di.
    [3] Mi.
    [4] Do.
    [5] Fr.
    [6] Sa.
   *[7] So.
}
date-day = { $day }. { $month }
date-day-alone = { $day }.
date-full = { $date } { $year }
date-month-of-year = { $month } { $year }
date-week = Woche ab { $day }

## Metrics

metric-visitors = Besucher
metric-unique-visitors = Eindeutige Besucher
metric-confirmed-visitors = Bestätigte Besucher
metric-visits = Besuche
metric-visits-begun = Begonnene Besuche
metric-pageviews = Seitenaufrufe
metric-views = Aufrufe
metric-views-per-visit = Aufrufe pro Besuch
metric-bounce-rate = Absprungrate
metric-visit-duration = Besuchsdauer
metric-time-on-page = Zeit auf der Seite
metric-scroll-depth = Scrolltiefe
metric-exit-rate = Ausstiegsrate
metric-events = Ereignisse
metric-conversion-rate = Konversionsrate
metric-of-all = Von allen Besuchern
metric-revenue = Umsatz
metric-average-revenue = Umsatz im Schnitt
metric-served = Ausgeliefert
metric-confirmed = Bestätigt
metric-browser-only = Nur Browser
metric-unconfirmed = Unbestätigt
metric-responses = Anfragen
metric-seen = Im Browser
metric-sent = Gesendet
metric-complete = Vollständig
metric-aborted = Abgebrochen
metric-subscribers = Abonnenten
metric-change-points = { $n ->
    [one] { $shown } Punkt
   *[other] { $shown } Punkte
}

## Properties: what rows are told apart by

property-page = Seite
property-hostname = Hostname
property-event = Ereignis
property-goal = Ziel
property-property = Eigenschaft
property-outbound-link = Ausgehender Link
property-file = Angeklickte Datei
property-entry-page = Einstiegsseite
property-entry-page-hostname = Hostname der Einstiegsseite
property-exit-page = Ausstiegsseite
property-source = Quelle
property-referrer = Verweis
property-channel = Kanal
property-utm-source = UTM-Quelle
property-utm-medium = UTM-Medium
property-utm-campaign = UTM-Kampagne
property-utm-content = UTM-Inhalt
property-utm-term = UTM-Begriff
property-country = Land
property-region = Region
property-city = Stadt
property-device = Gerät
property-browser = Browser
property-browser-version = Browserversion
property-os = Betriebssystem
property-os-version = Betriebssystemversion
property-screen = Bildschirm
property-language = Sprache
property-evidence = Nachweis
property-cached = Aus dem Cache
property-suspected = Verdächtig
property-bot-name = Bot
property-bot-class = Art des Bots
property-bot-page = Von Bots abgerufene Seite
property-bot-status = Status für Bots
property-bot-identity = Bot, und woher man ihn kennt
property-bot-proof = Woran erkannt
property-bot-robots-txt = Laut robots.txt
property-network = Netz
property-error-page = Fehlende oder fehlgeschlagene Seite
property-error-status = Status des Fehlers
property-error-referrer = Seite mit dem defekten Link
property-broken-link = Defekter Link ← Seite, auf der er steht
property-download-path = Datei
property-prefetch-page = Vorab geladene Seite
property-feed-path = Feed
property-feed-reader = Leser des Feeds
property-ai-purpose = Zweck der KI
property-ai-page = Seite für KI

## Values of rows that are words and not names

value-other = (andere)
value-unknown = (unbekannt)
value-none = (keine Angabe)
value-no-referrer = kein Verweis
value-robot = verhält sich wie ein Roboter
value-people = verhält sich wie ein Mensch
value-desktop = Desktop
value-laptop = Laptop
value-mobile = Smartphone
value-tablet = Tablet
value-tv = Fernseher
value-console = Spielkonsole
value-direct = Direkt
value-cross-network = Netzwerkübergreifend
value-display = Display-Anzeigen
value-paid-shopping = Bezahltes Shopping
value-paid-search = Bezahlte Suche
value-paid-social = Bezahlte soziale Medien
value-paid-video = Bezahltes Video
value-paid-other = Andere bezahlte
value-email = E-Mail
value-affiliates = Affiliates
value-audio = Audio
value-sms = SMS
value-push = Push-Nachrichten
value-organic-shopping = Organisches Shopping
value-organic-social = Organische soziale Medien
value-organic-video = Organisches Video
value-organic-search = Organische Suche
value-referral = Verweis
value-ai-assistants = KI-Assistenten
value-direct-none = Direkt / keine
value-ai-assistant = KI-Assistent
value-search-engine = Suchmaschine
value-ai-training = KI-Training
value-seo = SEO
value-monitor = Überwachung
value-link-preview = Linkvorschau
value-feed-reader = Feedreader
value-scanner = Sicherheitsscanner
value-advertising = Werbung
value-archiver = Archivierung
value-tool = Bibliothek oder Werkzeug
value-headless = Browser ohne Oberfläche
value-no-user-agent = Kein User-Agent
value-false-claim = Falsche Angabe
value-other-bot = Anderer Bot
value-claimed = unbewiesen
value-not-listed = unbewiesen, Adresse nicht auf seiner Liste
value-claimed-data-centre = unbewiesen, aus einem Rechenzentrum
value-published-address = Adresse vom Hersteller gelistet
value-reverse-dns = Adresse trägt Namen des Herstellers
value-signature = vom Hersteller signiert
value-wrong-signature = falsch signiert
value-refuted = nachweislich falsch
value-allowed = erlaubt
value-disallowed = nicht erlaubt
value-data-centre = Rechenzentrum
value-screen-phone = Unter 576 px
value-screen-tablet = 576 bis 991 px
value-screen-laptop = 992 bis 1439 px
value-screen-desktop = Ab 1440 px
value-cached-own = selber Besucher
value-cached-other = anderer Besucher
value-server-only = Nur Server
value-confirmed = Bestätigt
value-browser-only = Nur Browser
value-unverified = Ungeprüft
value-outbound-click = Klick auf einen Link nach außen
value-file-click = Klick auf den Link einer Datei

## Around every page of the dashboard

shell-skip = Zu den Zahlen springen
shell-sites = Websites
shell-current-title = In den letzten fünf Minuten gesehen
shell-current = { $n ->
    [one] aktueller Besucher
   *[other] aktuelle Besucher
}
shell-settings = Einstellungen
shell-account = Konto
shell-dashboard = Dashboard
shell-sign-out = Abmelden
shell-period-before = Zeitraum davor
shell-period-after = Zeitraum danach
shell-without-suspected = Ohne mutmaßliche Roboter
shell-behind = Nicht aktuell: Der Speicher hat seit { $time } nichts mehr angenommen.
shell-made-up = Die Vergangenheit der Demo wird noch erfunden: { $n } %. Bis dahin fehlen Tage.
shell-days = Tage sind Tage in { $zone }.
shell-sum = Besucher über mehrere Tage sind eine Summe von Tagen: Am nächsten Tag wird niemand wiedererkannt.
shell-read = Abgerufen { $time }. Neue Zahlen kommen alle { $seconds } s.
shell-untagged = Seiten ohne das Skript, weil { $why }: { $n } seit dem Start.
shell-notice = Der letzte Bericht oder Alarm wurde nicht gesendet: { $why }.
shell-budget = Speicherbefehle: { $n } in 30 Tagen bei diesem Tempo, von { $most }.
shell-docs = Dokumentation
shell-language = Sprache
shell-colours = Farben
shell-theme-system = System
shell-theme-light = Hell
shell-theme-dark = Dunkel

## Why pages have no script

untagged-coding = sie komprimiert ankommen
untagged-policy = ihre Content-Security-Policy das Skript oder seine Meldungen verbietet
untagged-amp = es AMP-Seiten sind
untagged-xhtml = sie XHTML sind
untagged-charset = ihre Kodierung UTF-16 oder ähnlich ist
untagged-no-transform = sie Cache-Control: no-transform senden
untagged-markup = ihr Markup keinen Platz dafür hat
untagged-panic = das Programm an ihnen gescheitert ist

## What the script says

script-answer = Die Antwort war { $status }
script-silent = headcount antwortet nicht
script-loading = Wird geladen …
script-stale = Nicht aktuell: Dies sind die Zahlen von { $time }. { $why }. Neuer Versuch läuft.

## Keys

keys-title = Tastenkürzel
keys-list = Diese Liste
keys-on = Tastenkürzel sind an

## Periods

period-title = Zeitraum
period-today = Heute
period-7d = 7 T.
period-30d = 30 T.
period-month = Monat
period-12mo = 12 M.
period-7-days = 7 Tage
period-28-days = 28 Tage und heute
period-30-days = 30 Tage
period-91-days = 91 Tage und heute
period-6-months = 6 Monate
period-12-months = 12 Monate
period-this-month = Dieser Monat
period-year = Dieses Jahr
period-all = Gesamt
period-yesterday = Gestern
period-last-month = Letzter Monat
period-24-hours = 24 Stunden
period-last-24-hours = Letzte 24 Stunden
period-custom = Eigener
period-more = Mehr
period-from = Von
period-to = Bis
period-show = Anzeigen
period-days-and-today = { $n } Tage und heute

## Comparing

compare-menu = Vergleich: { $with }
compare-before = Zeitraum davor
compare-day-before = Tag davor
compare-last-week = Gleicher Tag letzte Woche
compare-week-before = Gleicher Tag in der Woche davor
compare-year = Vorjahr
compare-nothing = Nichts
compare-other = Andere Tage
compare-weekdays = Wochentage angleichen
compare-by-weekday = { $with }, Wochentage angeglichen
compare-do = Vergleichen

## Topics

topic-nav = Bereiche des Dashboards
topic-overview = Übersicht
topic-realtime = Echtzeit
topic-bots = Bots und KI
topic-errors = Fehler
topic-speed = Ladezeit
topic-files = Dateien und Feeds
topic-about-bots = Programme, die sagen, was sie sind: Suchmaschinen, KI, Überwachung, Werkzeuge. Keines davon zählt als Besucher. Das kann jeder sagen; woran sie erkannt sind, steht daneben.
topic-about-errors = Seiten, die angefragt wurden und nicht da waren oder fehlschlugen. Keine davon ist ein Seitenaufruf, und Roboter, die sich zu erkennen geben, sind nicht dabei. „Im Browser“ sind die, die ein Browser angezeigt hat: meist einem Menschen. Hinter dem Pfeil eines defekten Links steht die Seite, auf der er ist. Wer angefragt hat, wird nicht aufbewahrt; deshalb lassen sich hier keine Personen zählen.
topic-about-speed = Wie lange Menschen warten. Die Zeit der Website selbst wird für alle gemessen, der Rest vom Skript, wo das eingeschaltet ist.
topic-about-files = Gesendete Dateien, Feeds und ihre Leser sowie Seiten, die Browser geladen haben, bevor jemand sie aufrief.

## Overview

overview-totals = Summen
overview-confirmed = { $share } bestätigt
overview-confirmed-title = so viel von dem, was der Server beantwortet hat, hat ein Skript im Browser bestätigt
overview-up = gestiegen um
overview-down = gesunken um
overview-unchanged = unverändert
overview-before = davor: { $n }
overview-last-30-minutes = Die letzten 30 Minuten
overview-since = Seit { $day }, { $time }
overview-24-hours-from = 24 Stunden ab { $day }, { $time }
overview-so-far = { $days } bis jetzt
overview-today-until = Heute bis { $time }
overview-days-and-today = { $n } Tage und heute bis jetzt ({ $days })
overview-compared = { $days }, verglichen mit { $before }
overview-compared-until = { $days }, verglichen mit { $before } bis { $time }
overview-by-weekday = { $line }, Wochentage angeglichen
overview-no-data = { $days }; nicht verglichen mit { $before }: vor dem { $day } gibt es keine Daten
overview-no-data-before = keine Daten vor dem { $day }
overview-rows-missing = { $days }; aus der Zeit davor ist nicht alles über einzelne Besuche aufbewahrt
overview-whole-days = { $days }; von einer einzelnen Seite werden nur ganze Tage verglichen
overview-no-parts = { $days }; die Zeit davor ist nur nach ganzen Tagen aufbewahrt
overview-nothing-before = { $days }; davor gibt es nichts zum Vergleichen
overview-steps = Schritte des Diagramms
overview-minutes = Minuten
overview-hours = Stunden
overview-days = Tage
overview-weeks = Wochen
overview-months = Monate
overview-no-hours = Stunden werden für alle Aufrufe zusammen gezählt. { $link }.
overview-see-7-days = Über 7 Tage ansehen
overview-no-pageviews = Noch keine Seitenaufrufe
overview-first-visit = Zahlen erscheinen binnen { $seconds } s nach dem ersten Besuch. Öffnen Sie die Website über den Proxy, um einen zu sehen.
overview-none-in-period = Keine Seitenaufrufe in diesem Zeitraum
overview-look-12-months = Die letzten 12 Monate ansehen
start-title = Warten auf den ersten Seitenaufruf
start-open = Öffnen Sie Ihre Website durch headcount, wie ein Besucher: { $link }
start-open-elsewhere = Öffnen Sie eine Seite Ihrer Website, wie ein Besucher. Sie kommen durch den Proxy, zu dem dies gehört.
start-lead = Lassen Sie dann Ihre Besucher diesen Weg nehmen: headcount { $front } Ihrer Website oder { $behind } einem anderen Server.
start-front = vor
start-behind = hinter
start-watches = Diese Seite wartet mit: Die Zahlen erscheinen von selbst, binnen { $seconds } s nach dem ersten Besuch.
start-programs = Anfragen von Programmen bisher: { $n }. Sie werden getrennt gezählt und sind keine Seitenaufrufe.
imported-legend = importiert
imported-of = { $n } importiert
imported-until = aus { $program } importiert bis { $day }
imported-part = Ein Teil davon wurde { $from }: Seitenaufrufe, Besuche und Besucher, getrennt gezählt; Quoten und Dauern sind ohne.
imported-untold = Nicht gezeigt: Summen, { $from }. Es sind Summen von Tagen, die Filter und Stunden nicht unterscheiden.
imported-left = Ausgelassen: Summen, { $from }.
imported-leave = Auslassen
imported-take = Dazunehmen

## Chart

chart-today = Heute
chart-now = Jetzt
chart-so-far = { $when }, bis jetzt
chart-until = { $when } bis { $time }
chart-note = Notiz: { $text }
chart-notes = Notizen
chart-pin = Notiz an einen Tag heften
chart-all-notes = Alle Notizen
chart-table = Als Tabelle anzeigen
chart-numbers = Zahlen des Diagramms
chart-time = Zeit
chart-before = Davor
chart-summary = { $name } im Zeitverlauf, höchstens { $most }

## Cards

card-pages = Seiten
card-sources = Quellen
card-places = Orte
card-devices = Geräte
card-events = Ereignisse
card-bots = Wer sie sind
card-fetched = Was sie abrufen
card-suspected = Besucher, die sich wie Roboter verhalten
card-known = Woran sie erkannt sind
card-networks = Besucher aus Rechenzentren
card-links = Defekte Links
card-linked-from = { $n ->
    [one] verlinkt von { $n } Seite
   *[other] verlinkt von { $n } Seiten
}
card-status = Status
card-downloads = Gesendete Dateien
card-feeds = Feeds
card-prefetches = Vorab geladene Seiten
card-unconfirmed = Vom Skript nicht bestätigte Aufrufe
card-caches = Aufrufe aus Caches
card-goals = Ziele
card-more = Mehr
card-all = Alle { $n } im Detail
card-details = Details
card-nothing = Nichts, was die Filter durchlassen.
card-tab-top = Top
card-tab-reading = Lesen
card-tab-entry = Einstieg
card-tab-happened = Wo es geschah
card-tab-began = Wo Besuche begannen
card-tab-exit = Ausstieg
card-tab-weight = Größe
card-tab-hosts = Hosts
card-tab-channels = Kanäle
card-tab-referrers = Verweise
card-tab-campaigns = Kampagnen
card-tab-utm-source = UTM-Quelle
card-tab-medium = Medium
card-tab-content = Inhalt
card-tab-term = Begriff
card-tab-countries = Länder
card-tab-regions = Regionen
card-tab-cities = Städte
card-tab-languages = Sprachen
card-tab-types = Arten
card-tab-browsers = Browser
card-tab-os = System
card-tab-screens = Bildschirme
card-tab-browser-versions = Browserversionen
card-tab-os-versions = Systemversionen
card-tab-properties = Eigenschaften
card-tab-outbound = Links
card-tab-file-links = Dateiklicks
card-tab-names = Namen
card-tab-kinds = Arten
card-tab-suspected = Verdächtig
card-tab-proof = Wie
card-tab-robots-txt = robots.txt
card-tab-networks = Netze
card-tab-readers = Leser
card-tab-prefetches = Vorab geladen
card-tab-cached = Aus dem Cache
card-col-bounce = Absprung
card-col-time = Zeit
card-col-scroll = Scroll
card-col-clicks = Klicks
card-col-fetched = Geladen
card-col-never-seen = Nie gesehen
card-col-fetches = Abrufe
card-col-downloads = Downloads
card-col-total = Gesamt
card-col-rate = Rate

## Where a card has no rows

empty-pages = Noch keine Seiten. Sie erscheinen mit dem ersten Seitenaufruf.
empty-bots = Es kamen keine Bots vorbei.
empty-errors = Keine Fehler. Niemand ist auf eine fehlende Seite gestoßen.
empty-feeds = Es wurde kein Feed abgerufen.
empty-script = Nichts zu vergleichen: Der Server hat noch keinen Aufruf beantwortet.
empty-utm = Keine markierten Links. Ergänzen Sie utm_source, utm_medium oder utm_campaign in den Links, die Sie teilen.
empty-city = Regionen und Städte brauchen eine GeoIP-Datenbank: Setzen Sie geoip auf deren Datei.
empty-devices = Noch keine Geräte.
empty-visits = Noch keine Besuche.
empty-referrers = Noch niemand kam über Links anderer Websites.
empty-places = Noch keine Orte bekannt.
empty-languages = Noch keine Sprachen bekannt.
empty-screens = Bildschirme meldet das Skript: Binden Sie es ein oder setzen Sie inject = true.
empty-events = Keine eigenen Ereignisse. Das Skript sendet sie.
empty-properties = Kein Ereignis hatte Eigenschaften.
empty-outbound = Keine Links nach außen angeklickt.
empty-file-links = Keine Links zu Dateien angeklickt.
empty-suspected = Niemand verhielt sich wie ein Roboter.
empty-proof = Seit gezählt wird, woran sie erkannt sind, kamen keine Bots vorbei.
empty-robots-txt = Nichts ist bekannt: Niemand hat bisher die robots.txt der Website geholt.
empty-networks = Niemand kam aus einem Rechenzentrum, soweit das bekannt ist: Die Einstellung „networks“ nennt die Datenbank, die es weiß.
empty-downloads = Es wurden keine Dateien gesendet.
empty-prefetches = Keine Seiten vorab geladen. Was geladen und nie gesehen wird, ist kein Seitenaufruf.
empty-cached = Kein Aufruf kam aus einem Cache.
empty-goals = Kein Ziel wurde erreicht.

## Evidence

evidence-title = Nachweis
evidence-summary = { $share } aller Aufrufe hat der Server beantwortet und der Browser bestätigt
evidence-of-answered = von denen, die der Server beantwortet hat, { $share }
evidence-about = Woher jeder Aufruf bekannt ist. Andere Werkzeuge sehen nur, was Skripte melden, oder nur, was in Logs steht.
evidence-why-server = vom Server beantwortet; kein Skript hat sich gemeldet, blockiert oder nicht
evidence-why-confirmed = vom Server beantwortet und vom Browser bestätigt
evidence-why-browser = ohne Anfrage angezeigt: Navigation in der Seite oder ein Cache
evidence-why-unverified = von einem Browser gemeldet, der nicht zeigt, dass er die Seite von hier hat: weniger sicher als die anderen

## Filters

filter-title = Filter
filter-clear = Alle entfernen
filter-own-view = Ansicht dieser einen Seite, für alle Besuche.
filter-by-page = Übersicht nach dieser Seite filtern
filter-heat-maps = Heatmaps und Wege dieser Seite
filter-limited = Gezeigt wird ein Teil der Website.
filter-remove = Filter entfernen: { $filter }
filter-or = oder
filter-is = ist
filter-is-not = ist nicht
filter-contains = enthält
filter-contains-not = enthält nicht
filter-matches = passt auf
filter-matches-not = passt nicht auf
filter-menu = Filtern
filter-property = Eigenschaft
filter-operator = Bedingung
filter-value = Wert
filter-placeholder = eins | anderes
filter-suggest = Werte anzeigen
filter-add = Hinzufügen
filter-from-parts = Teile von Tagen werden aus einzelnen Besuchen gezählt.
filter-from-day = Gefilterte Zahlen beginnen am { $day }.
filter-from-day-why = Sie werden aus einzelnen Besuchen gezählt, von denen davor welche fehlen.
filter-from-rows = Gefilterte Zahlen werden aus einzelnen Besuchen gezählt, die für alle diese Tage aufbewahrt sind.
filter-no-rows-parts = Aus diesen Tagen sind einzelne Besuche und Anfragen nicht aufbewahrt, aus denen Teile von Tagen gezählt werden.
filter-no-rows = Aus diesen Tagen sind einzelne Besuche und Anfragen nicht aufbewahrt, aus denen gefilterte Zahlen gezählt werden.
filter-one-property = Gezeigt wird, was je Eigenschaft einzeln gezählt ist.
filter-without-visits = Roboter, Fehler, Dateien und Feeds gehören zu keinem Besuch und fehlen hier.
filter-without-views = Was nur Seitenaufrufe betrifft (Nachweis, Ladezeit), sowie Roboter, Fehler, Dateien und Feeds fehlen hier.
filter-without-people = Diese werden getrennt von Besuchen gezählt, die hier fehlen.

## Segments in the dashboard

segment-menu = Segment
segment-title = Segment { $name }
segment-remove = Segment { $name } entfernen
segment-delete = Segment { $name } löschen
segment-name = Name
segment-save = Diese Filter speichern

## Goals and funnels in the dashboard

goal-since = Ziele aus den Einstellungen gelten ab { $day }, soweit einzelne Besuche aufbewahrt sind.
goal-through = { $share } kommen ans Ende
goal-nobody = Noch kein Besuch hat dies begonnen.
goal-none = niemand
goal-none-through = Niemand kam ans Ende
goal-of-all = Gezeigt ohne den Filter nach ihrem Ziel: wer das erreichte, kam ans Ende.
goal-visits = Besuche, die diese Schritte in dieser Reihenfolge gingen. Seiten und Ziele zählen Besucher, und „Gesamt“ eines Ziels jedes Erreichen: deshalb weichen die Zahlen ab.
goal-visits-filtered = Ein Besuch, von dem irgendein Teil zum Filter passt, zählt mit allen seinen Schritten, Ziele zählen nur diesen Teil.
goal-leave = { $share } gehen hier

## A card's own page

details-search-in = In { $card } suchen
details-search = Suchen
details-no-rows = Keine Zeilen
details-of = { $first }–{ $last } von { $all }
details-back = Zurück zu allem
details-nothing = Nichts heißt so, oder es wurde nichts davon gezählt.
details-rows = Zeilen: { $card }
details-pages = Seiten
details-before = ‹ Zurück
details-page = Seite { $page } von { $pages }
details-next = Weiter ›

## What cards hold, as tables and files

sheet-all = Alle Karten dieser Seite:
sheet-chart = Im Lauf der Zeit
sheet-metric = Kennzahl
sheet-value = Wert
sheet-change = Änderung in %, bei Anteilen in Punkten
sheet-confirmed = Bestätigt
sheet-compared = Verglichen mit
sheet-timing = Was gemessen wird
sheet-step = Schritt
sheet-target = Was es ist
sheet-of-all = Vom ersten Schritt
sheet-of-previous = Vom Schritt davor
sheet-way = Richtung
sheet-after = Danach
sheet-row = Zeile
sheet-column = Spalte
sheet-tenth = Zehntel der Seite

## Heat maps

heat-title = Heatmap
heat-clicks = Klicks
heat-scroll-depth = Scrolltiefe
heat-screen = Bildschirm
heat-nothing = Noch nichts. Klicks und Scrolltiefe meldet das Skript, wo sie eingeschaltet sind.
heat-grid = { $n } Klicks auf einem Raster von { $columns } Spalten
heat-n-clicks = { $n ->
    [one] { $n } Klick
   *[other] { $n } Klicks
}
heat-below = { $clicks }, davon { $n } weiter unten
heat-places = { $clicks }. Stellen sind relativ zur Seitenbreite; Linien liegen eine Seitenbreite auseinander.
heat-reached = Von { $n } Aufrufen kamen { $middle } bis zur Mitte und { $end } bis ans Ende
heat-depth = bis { $depth }
heat-tenths = Von { $n } Aufrufen mit bekannter Scrolltiefe kamen so viele in jedes Zehntel der Seite.
heat-outline = Darunter liegt der Umriss der Seite, wie die meisten sie sahen.
heat-no-outline = Der Umriss der Seite ist noch nicht bekannt: Er erscheint, sobald jemand mit dem Skript dieser Version geklickt hat.

## A page's own view

journey-title = Davor und danach
journey-of = { $n } Besuche, die sie aufriefen
journey-about = Ab dem ersten Aufruf in jedem Besuch. Wer zurückkam und dort endete, zählt zu „Besuche, die hier endeten“, hat nach diesem ersten Aufruf aber eine Seite.
journey-before = { $n ->
    [one] Die Seite davor
   *[other] { $n } Seiten davor
}
journey-after = { $n ->
    [one] Die Seite danach
   *[other] { $n } Seiten danach
}
journey-began = keine Seite davor
journey-ended = keine Seite danach
journey-others = andere Seiten

way-title = Drum herum
way-began = Besuche, die hier begannen
way-ended = Besuche, die hier endeten
way-exits = Aufrufe, die einen Besuch beendeten
way-since = Was davor und danach war, woher die Besuche kamen und wer sie waren, ist seit { $day } bekannt, soweit einzelne Besuche aufbewahrt sind.
way-to-the-end = Bis zum Ende gelesen, von { $n } Aufrufen mit bekannter Scrolltiefe
way-unconfirmed = Aufrufe, die das Skript nicht bestätigt hat
way-training = Zum Training von KI gelesen
way-assistant = Von einem Assistenten abgerufen
way-disallowed = Von KI entgegen robots.txt gelesen
way-referral = Besuche, die ein Assistent schickte
way-three-of-four = drei von vier Aufrufen waren höchstens so langsam
way-broken = Defekte Links hierher
way-from = woher die Leute kamen

## AI

ai-title = Seiten, die KI liest, und Besuche, die sie dorthin schickt
ai-read = Seiten, die KI liest
ai-makers = KI: wer liest und wen sie schickt
ai-makers-about = alle Anfragen, auch Dateien und robots.txt
ai-reads-about = gelesene Seiten
ai-maker = KI
ai-requests-training = Fürs Training geholt
ai-requests-answers = Für Leute geholt
ai-sent-by = Besuche, die { $name } geschickt hat, und wo sie begannen
ai-readers = Welche KI diese Seite liest
ai-unnamed = { $n } Anfragen von Robotern sind nicht nach Namen getrennt: Es kamen zu viele Namen.
ai-training = Fürs Training gelesen
ai-answers = Für Leute gelesen
ai-disallowed = Entgegen robots.txt
ai-sent = Besuche geschickt

## Realtime

live-title = Gerade jetzt
live-noscript = Mit JavaScript erscheint hier sofort, was geschieht.
live-quiet = Seit diese Seite geöffnet wurde, ist nichts geschehen.

## Speed

speed-website = Website
speed-website-why = bis sie dem Proxy geantwortet hat
speed-ttfb = Erstes Byte
speed-ttfb-why = TTFB, im Browser
speed-lcp = Größter Inhalt
speed-lcp-why = LCP, im Browser
speed-inp = Interaktion
speed-inp-why = INP, im Browser
speed-cls = Layoutverschiebung
speed-cls-why = CLS, im Browser
speed-good = gut
speed-fair = verbesserungswürdig
speed-poor = schlecht
speed-views = { $n } Aufrufe
speed-whole-days = Ladezeiten gibt es nur für ganze Tage.
speed-of-views = Ladezeiten gibt es für Aufrufe, nicht für Ziele und Ereignisse.
speed-nothing = Kein Aufruf wurde gemessen.
speed-large = Große Zahlen: Drei von vier Aufrufen waren höchstens so langsam. Die Zeit der Website ist von jedem Aufruf bekannt, die des Browsers von denen, deren Skript sie gemeldet hat.
speed-slowest = Langsamste Seiten

## Several sites

sites-now = Jetzt
sites-none = Es gibt noch keine Website, die Sie sehen dürfen: Ein Eigentümer kann das ändern.
sites-all = Alle Websites, 30 Tage
sites-about = Die letzten 30 Tage mit heute bis jetzt, jeweils in der Zeitzone der Website. Wer zwei Websites besucht, zählt bei beiden.

## Where nothing can be shown

problem-away = Die Zahlen sind nicht erreichbar
problem-forbidden = Das dürfen Sie nicht sehen
problem-signed-out = Niemand ist angemeldet
problem-not-found = Hier ist nichts
problem-other = Das lässt sich nicht anzeigen
problem-waits = Anfragen werden weiter beantwortet und gezählt. Das Gezählte wartet hier, bis zu { $limit }, bis der Speicher es annimmt. Diese Seite versucht es alle { $seconds } s erneut.
problem-back = Zurück zum Dashboard
problem-line = Das lässt sich nicht verstehen: { $line }
problem-store = Der Speicher lässt sich nicht lesen
problem-token = Es braucht ein gültiges Token: { $header } mitschicken.
problem-not-local = Dieser Port hat keine Zugangsdaten, deshalb antwortet er nur auf { $name }, { $network } und { $address }. Für einen anderen Namen ein Passwort oder ein Token festlegen.
problem-elsewhere = Das hat die Seite einer anderen Website geschickt.
problem-no-right = So weit reichen Ihre Rechte nicht. Ein Eigentümer kann Ihnen mehr geben.
problem-no-site = Es gibt mehr als eine Website: Wählen Sie eine.
problem-no-such-site = Es gibt keine Website { $site }, oder keine, die Sie sehen dürfen.
problem-no-segment = Dieses Segment gibt es nicht oder nicht mehr.
problem-no-page = Unter dieser Adresse gibt es keine Seite.
problem-method = Zu dieser Seite führt nur ein Formular.
problem-full = Dafür ist kein Platz mehr: erst etwas löschen.
problem-overtaken = Andere haben gleichzeitig dasselbe geändert. Bitte noch einmal versuchen.
problem-unreadable = Was im Speicher liegt, ist nicht lesbar.
problem-lost = Diese Antwort ging verloren. Bitte noch einmal fragen.

## What is wrong with what somebody filled in

wrong-length = Ein Name oder Text hat 1 bis { $most } Zeichen und keine Zeilenumbrüche.
wrong-name-sign = Ein Name enthält kein „=“.
wrong-taken = „{ $name }“ ist vergeben: wählen Sie einen anderen Namen.
wrong-full = Es gibt schon { $most }: erst etwas löschen.
wrong-long = Das braucht mehr als { $most } Bytes: bitte kürzen.
wrong-no-name = Der Name fehlt.
wrong-path = „{ $text }“: Der Pfad einer Seite beginnt mit „/“.
wrong-target = „{ $text }“ ist weder eine Seite noch ein Ereignis.
wrong-steps = Ein Trichter hat 2 bis { $most } Schritte.
wrong-step-sign = „{ $step }“: Ein Schritt enthält kein „{ $sign }“.
wrong-note-gone = Diese Notiz wurde inzwischen gelöscht.
wrong-note-changed = Diese Notiz wurde inzwischen geändert. Jetzt heißt sie: { $text }
wrong-address = „{ $text }“ ist weder Adresse noch Netz.
wrong-everybody = Das würde alle auslassen.
wrong-origin = „{ $text }“ ist kein Ursprung wie https://www.example.org.
wrong-origins = Ein Link hat höchstens { $most } Ursprünge.
wrong-locked-in-frame = Ein Link mit Passwort kann nicht in einem Rahmen erscheinen: Dort schicken Browser keine Cookies.
wrong-public-already = Die Website hat schon eine öffentliche Seite.
wrong-person-gone = Diese Person wurde inzwischen entfernt.
wrong-token-for-nothing = Wählen Sie, wofür das Token gut ist: eine Website und ein Recht.
wrong-password = Ein Passwort hat { $least } bis { $most } Zeichen.
wrong-old-password = Das ist nicht Ihr bisheriges Passwort.
wrong-day = „{ $text }“ ist kein Datum ab 1970.
wrong-backwards = Der erste Tag liegt nach dem letzten.
wrong-long-range = Das sind mehr als { $years } Jahre.
wrong-no-value = Ein Filter nach „{ $property }“ braucht einen Wert.
wrong-pattern = „{ $text }“ ist kein regulärer Ausdruck.
wrong-no-goal = Es gibt kein Ziel „{ $name }“.
wrong-no-segment = Es gibt kein Segment „{ $name }“ oder nicht mehr.
wrong-apart = „{ $one }“ und „{ $other }“ werden getrennt gezählt: Nichts erfüllt beides.
wrong-tells-nothing = Wonach gefiltert wird, sagt darüber nichts: bitte einen Filter wegnehmen.
wrong-no-column = Die Zeilen sind nach einer Spalte sortiert, die sie mit diesen Filtern nicht haben.
wrong-only-totals = Vom { $day } sind nur Summen übrig, und von jeder Eigenschaft die des ganzen Monats: bitte ganze Monate ansehen.

## Signing in

login-title = Anmelden
login-away = Der Speicher antwortet nicht. Das Passwort der Konfigurationsdatei gilt trotzdem, ohne Namen.
login-name = Name
login-name-help = Leer lassen, um das Passwort der Konfigurationsdatei zu verwenden.
login-password = Passwort
login-no-people = Der Speicher, der die Personen kennt, antwortet nicht. Mit dem Passwort der Konfigurationsdatei können Sie sich ohne Namen anmelden.
login-too-many = Zu viele falsche Passwörter von Ihrer Adresse. Versuchen Sie es in { $seconds } s erneut.
login-wrong-name = Name und Passwort passen zu niemandem.
login-wrong = Das ist nicht das Passwort.

## Invitations

invite-page = Einladung
invite-not-good = Diese Einladung gilt nicht: Sie wurde benutzt, zurückgezogen oder ist älter als sieben Tage. Bitten Sie um eine neue.
invite-title = Sie sind eingeladen
invite-name = Name oder E-Mail, zum Anmelden
invite-password = Ein eigenes Passwort
invite-too-many = Zu viele Versuche von Ihrer Adresse. Versuchen Sie es in { $seconds } s erneut.

## One's own account

account-file = Wer das Passwort der Konfigurationsdatei hat
account-everything = Darf alle Websites sehen und ändern.
account-nothing = Darf noch keine Website sehen: Ein Eigentümer kann das ändern.
account-sites = Darf { $sites } sehen.
account-sign-out = Überall abmelden
account-another = Anderes Passwort
account-ends = Es beendet alle Sitzungen; melden Sie sich mit dem neuen wieder an.
account-old = Bisheriges Passwort
account-new = Neues Passwort
account-change = Ändern

## Shared links

link-unknown = Diesen Link gibt es nicht oder nicht mehr.
link-locked = Dieser Link hat ein Passwort
link-too-many = Zu viele falsche Passwörter. Versuchen Sie es in { $seconds } s erneut.
link-wrong = Das ist nicht das Passwort dieses Links.

## Settings: what all parts share

settings-of = Einstellungen von { $site }
settings-goals = Ziele
settings-funnels = Trichter
settings-notes = Notizen
settings-segments = Segmente
settings-exclusions = Ausnahmen
settings-sharing = Teilen
settings-people = Personen
settings-tokens = API-Token
settings-copy = Jetzt kopieren: Es wird nicht aufbewahrt und nicht noch einmal gezeigt.
settings-file = Konfigurationsdatei
settings-name = Name
settings-add = Hinzufügen
settings-change = Ändern
settings-change-one = { $name } ändern
settings-delete = Löschen
settings-delete-one = { $name } löschen
settings-save = Speichern

## Settings: goals and funnels

goals-new = Ziel hinzufügen
goals-about = Eine Seite, die aufgerufen wird, oder ein Ereignis, das eintritt. Es gilt auch für die Vergangenheit, soweit einzelne Besuche aufbewahrt sind.
goals-example = Registrierung
goals-reached-by = Erreicht durch
goals-page = Aufruf der Seite
goals-event = das Ereignis
goals-target = Pfad oder Ereignis
goals-none = Es gibt noch keine Ziele.
funnels-new = Trichter hinzufügen
funnels-about = Zwei bis acht Schritte, die ein Besuch nacheinander geht, je Zeile einer: { $page } oder { $event }.
funnels-example = Bezahlvorgang
funnels-steps = Schritte
funnels-none = Es gibt noch keine Trichter.

## Settings: notes

notes-new = Notiz an einen Tag heften
notes-edit = Notiz ändern
notes-about = Ein Start, ein Newsletter, ein Ausfall: was die Zahlen nicht von selbst sagen. Wer die Website sehen darf, sieht ihre Notizen, im Diagramm und darunter.
notes-day = Tag
notes-text = Notiz
notes-none = Es gibt noch keine Notizen.

## Settings: segments

segments-about = Filter unter einem Namen. Filtern Sie das Dashboard, und speichern Sie das unter „Segment“.
segments-none = Es gibt noch keine Segmente.

## Settings: addresses left out

exclusions-new = Adresse ausnehmen
exclusions-about = Wer von dort kommt, wird nicht gezählt, binnen Sekunden und auf allen Knoten. Was zuvor gezählt wurde, bleibt: Von niemandem wird eine Adresse aufbewahrt.
exclusions-address = Adresse oder Netz
exclusions-do = Ausnehmen
exclusions-here = Ausnehmen, wo ich gerade bin: { $network }
exclusions-title = Ausgenommen
exclusions-none = Alle werden gezählt.

## Settings: sharing

sharing-public = Öffentliche Seite
sharing-everybody = Alle dürfen diese Website unter { $link } sehen.
sharing-private = Wieder privat machen
sharing-nobody = Niemand sieht diese Website ohne Namen oder Link.
sharing-framed = Websites, die sie in einem Rahmen zeigen dürfen
sharing-publish = Öffentlich machen
sharing-new = Link erstellen
sharing-about = Wer den Link hat, sieht diese Website und sonst nichts, und ändert nichts. Was auf ein Segment begrenzt ist, zeigt nur dieses, in jeder Zahl.
sharing-example = Für die Agentur
sharing-password = Passwort (optional)
sharing-shows = Zeigt
sharing-everything = alles
sharing-segment = das Segment { $name }
sharing-gone = nichts: Sein Segment gibt es nicht mehr
sharing-framed-optional = Websites, die sie in einem Rahmen zeigen dürfen (optional)
sharing-make = Link erstellen
sharing-links = Links
sharing-none = Es gibt noch keine Links.
sharing-link = { $name } zeigt { $what }
sharing-link-locked = { $name } zeigt { $what }, mit Passwort
sharing-delete = Link { $name } löschen
sharing-frames = In Frames von { $origins }: { $code }

## Settings: people

people-open = Die Konfigurationsdatei hat keine Zugangsdaten, daher darf hier jeder an diesem Rechner alles. Setzen Sie { $key }, bevor Sie andere einladen.
people-new = Jemanden einladen
people-about = Sie erhalten einen Link zum Weitergeben. Er gilt sieben Tage lang, einmal; das Passwort wählt die eingeladene Person selbst.
people-name = Name oder E-Mail
people-may = Darf
people-see = { $site } sehen
people-change = { $site } sehen und ändern
people-everything = alle Websites sehen und ändern
people-invite = Einladung erstellen
people-invitation = Die Einladung
people-file = { $who } darf alle Websites sehen und ändern
people-file-who = Wer das Passwort hat,
people-rights = Rechte von { $name }
people-change-rights = Rechte von { $name } ändern
people-take-out = Entfernen
people-take-out-one = { $name } entfernen
people-withdraw = Zurückziehen
people-withdraw-one = Einladung von { $name } zurückziehen
people-role-none = nichts von dieser Website
people-role-viewer = sie sehen
people-role-owner = sie sehen und ändern
people-role-everything = alle Websites
people-may-everything = { $name } darf alle Websites sehen und ändern
people-may-change = { $name } darf { $site } sehen und ändern
people-may-see = { $name } darf { $site } sehen
people-may-nothing = { $name } darf nichts von { $site } sehen
people-invited-everything = { $name } ist eingeladen und darf alle Websites sehen und ändern
people-invited-change = { $name } ist eingeladen und darf { $site } sehen und ändern
people-invited-see = { $name } ist eingeladen und darf { $site } sehen
people-invited-nothing = { $name } ist eingeladen und darf nichts von { $site } sehen

## Settings: tokens

tokens-new = Token erstellen
tokens-about = Ein Programm sendet es als { $header }.
tokens-example = Wochenbericht
tokens-may = Darf
tokens-read-stats = Zahlen lesen, einzelne Besuche und Ereignisse exportieren
tokens-read-sites = Websites, Ziele, Eigenschaften und Segmente auflisten
tokens-write-sites = Segmente anlegen und löschen
tokens-read-metrics = die Metriken des Prozesses lesen
tokens-of = Von
tokens-all-sites = alle Websites, auch künftige
tokens-make = Token erstellen
tokens-made = Das neue Token
tokens-title = Token
tokens-none = Es gibt noch keine Token.
tokens-file = { $n ->
    [one] { $n } Token für alles
   *[other] { $n } Token für alles
}
tokens-one = { $name } darf { $scopes } von { $sites }
tokens-sites = allen Websites
tokens-used = zuletzt benutzt am { $day }
tokens-never = nie benutzt
tokens-revoke = Widerrufen
tokens-revoke-one = { $name } widerrufen

## Reports by mail

report-week = die Woche vom { $days }
report-week-about = Die Woche vom { $days }, verglichen mit der Woche davor
report-month-about = { $month }, verglichen mit dem Monat davor
report-countries = Länder
report-robots = Roboter
report-by-day = Besucher pro Tag
report-day = { $visitors } Besucher { $views } Aufrufe
report-in-visitors = Besucher
report-in-requests = Anfragen
report-as-before = wie zuvor
report-all-numbers = Alle Zahlen: { $link }
report-open = Dashboard öffnen

## Alerts

alert-spike = { $site }: { $n } Aufrufe in einer Stunde
alert-spike-line = { $n } Aufrufe in der Stunde ab { $since }; üblich zu dieser Tageszeit: { $usual }.
alert-drop = { $site }: nur { $n ->
    [one] { $n } Aufruf
   *[other] { $n } Aufrufe
} in sechs Stunden
alert-drop-line = { $n ->
    [one] { $n } Aufruf
   *[other] { $n } Aufrufe
} in den sechs Stunden ab { $since }; üblich zu dieser Tageszeit: { $usual }.
alert-robots = { $site }: Roboter fragten heute { $n } Mal an
alert-robots-line = Robotern wurde seit { $since } { $n } Mal geantwortet; üblich an einem ganzen Tag: { $usual }.
