### What pages and mails say in Spanish, by page.

## Dates

date-month-short = { $month ->
    [1] ene
    [2] feb
    [3] mar
    [4] abr
    [5] may
    [6] jun
    [7] jul
    [8] ago
    [9] sept
    [10] oct
    [11] nov
   *[12] dic
}
date-month = { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
}
date-weekday-short = { $day ->
    [1] lun
    [2] mar
    [3] mié
    [4] jue
    [5] vie
    [6] sáb
   *[7] dom
}
date-day = { $day } { $month }
date-day-alone = { $day }
date-full = { $date } { $year }
date-month-of-year = { $month } de { $year }
date-week = semana del { $day }

## Metrics

metric-visitors = Visitantes
metric-unique-visitors = Visitantes únicos
metric-confirmed-visitors = Visitantes confirmados
metric-visits = Visitas
metric-visits-begun = Visitas iniciadas
metric-pageviews = Páginas vistas
metric-views = Vistas
metric-views-per-visit = Vistas por visita
metric-bounce-rate = Tasa de rebote
metric-visit-duration = Duración de la visita
metric-time-on-page = Tiempo en la página
metric-scroll-depth = Profundidad de scroll
metric-exit-rate = Tasa de salida
metric-events = Eventos
metric-conversion-rate = Tasa de conversión
metric-of-all = Del total de visitantes
metric-revenue = Ingresos
metric-average-revenue = Ingreso medio
metric-served = Servidas
metric-confirmed = Confirmadas
metric-browser-only = Solo navegador
metric-unconfirmed = Sin confirmar
metric-responses = Peticiones
metric-seen = En navegador
metric-sent = Enviado
metric-complete = Completas
metric-aborted = Canceladas
metric-subscribers = Suscriptores
metric-change-points = { $n ->
    [one] { $shown } punto
   *[other] { $shown } puntos
}

## Properties: what rows are told apart by

property-page = Página
property-hostname = Nombre de host
property-event = Evento
property-goal = Objetivo
property-property = Propiedad
property-outbound-link = Enlace saliente
property-file = Archivo pulsado
property-entry-page = Página de entrada
property-entry-page-hostname = Host de la página de entrada
property-exit-page = Página de salida
property-source = Fuente
property-referrer = Referencia
property-channel = Canal
property-utm-source = Fuente UTM
property-utm-medium = Medio UTM
property-utm-campaign = Campaña UTM
property-utm-content = Contenido UTM
property-utm-term = Término UTM
property-country = País
property-region = Región
property-city = Ciudad
property-device = Dispositivo
property-browser = Navegador
property-browser-version = Versión del navegador
property-os = Sistema operativo
property-os-version = Versión del sistema operativo
property-screen = Pantalla
property-language = Idioma
property-evidence = Evidencia
property-cached = De la caché
property-suspected = Sospechoso
property-bot-name = Bot
property-bot-class = Tipo de bot
property-bot-page = Página que piden los bots
property-bot-status = Estado que recibieron los bots
property-bot-identity = Bot y cómo se le conoce
property-bot-proof = Cómo se le conoce
property-bot-robots-txt = Según robots.txt
property-network = Red
property-error-page = Página que falta o falló
property-error-status = Estado del error
property-error-referrer = Página con el enlace roto
property-broken-link = Enlace roto ← página que lo tiene
property-download-path = Archivo
property-prefetch-page = Página precargada
property-feed-path = Feed
property-feed-reader = Lector del feed
property-ai-purpose = Finalidad de la IA
property-ai-page = Página para IA

## Values of rows that are words and not names

value-other = (otros)
value-unknown = (desconocido)
value-none = (ninguno)
value-no-referrer = sin referencia
value-robot = se comporta como un robot
value-people = se comporta como una persona
value-desktop = Ordenador
value-laptop = Portátil
value-mobile = Móvil
value-tablet = Tableta
value-tv = Televisor
value-console = Consola
value-direct = Directo
value-cross-network = Multirred
value-display = Display
value-paid-shopping = Compras de pago
value-paid-search = Búsqueda de pago
value-paid-social = Redes sociales de pago
value-paid-video = Vídeo de pago
value-paid-other = Otros de pago
value-email = Correo electrónico
value-affiliates = Afiliados
value-audio = Audio
value-sms = SMS
value-push = Notificaciones push
value-organic-shopping = Compras orgánicas
value-organic-social = Redes sociales orgánicas
value-organic-video = Vídeo orgánico
value-organic-search = Búsqueda orgánica
value-referral = Referencia
value-ai-assistants = Asistentes de IA
value-direct-none = Directo / ninguna
value-ai-assistant = Asistente de IA
value-search-engine = Buscador
value-ai-training = Entrenamiento de IA
value-seo = SEO
value-monitor = Monitorización
value-link-preview = Vista previa de enlaces
value-feed-reader = Lector de feeds
value-scanner = Escáner de seguridad
value-advertising = Publicidad
value-archiver = Archivador
value-tool = Biblioteca o herramienta
value-headless = Navegador sin interfaz
value-no-user-agent = Sin user agent
value-false-claim = Identidad falsa
value-other-bot = Otro bot
value-claimed = sin prueba
value-not-listed = sin prueba, dirección fuera de su lista
value-claimed-data-centre = sin prueba, desde un centro de datos
value-published-address = dirección listada por su autor
value-reverse-dns = dirección con el nombre de su autor
value-signature = firmado por su autor
value-wrong-signature = mal firmado
value-refuted = desmentido
value-allowed = permitido
value-disallowed = no permitido
value-data-centre = Centro de datos
value-screen-phone = Menos de 576 px
value-screen-tablet = De 576 a 991 px
value-screen-laptop = De 992 a 1439 px
value-screen-desktop = Desde 1440 px
value-cached-own = el mismo visitante
value-cached-other = otro visitante
value-server-only = Solo servidor
value-confirmed = Confirmadas
value-browser-only = Solo navegador
value-unverified = Sin verificar
value-outbound-click = Clic en un enlace externo
value-file-click = Clic en el enlace de un archivo

## Around every page of the dashboard

shell-skip = Ir a los números
shell-sites = Sitios
shell-current-title = Vistos en los últimos cinco minutos
shell-current = { $n ->
    [one] visitante ahora
   *[other] visitantes ahora
}
shell-settings = Ajustes
shell-account = Cuenta
shell-dashboard = Panel
shell-sign-out = Cerrar sesión
shell-period-before = Periodo anterior
shell-period-after = Periodo siguiente
shell-without-suspected = Sin posibles robots
shell-behind = Sin actualizar: el almacén no acepta lo contado desde { $time }.
shell-made-up = El pasado de la demo aún se está inventando: { $n } %. Hasta entonces faltan días.
shell-days = Los días son días de { $zone }.
shell-sum = Los visitantes de varios días son una suma de días: a nadie se le reconoce al día siguiente.
shell-read = Datos de { $time }. Los nuevos llegan cada { $seconds } s.
shell-untagged = Páginas sin el script porque { $why }: { $n } desde el inicio.
shell-notice = No se envió el último informe o aviso: { $why }.
shell-budget = Comandos del almacén: { $n } en 30 días a este ritmo, de { $most }.
shell-docs = Documentación
shell-language = Idioma
shell-colours = Colores
shell-theme-system = Sistema
shell-theme-light = Claro
shell-theme-dark = Oscuro

## Why pages have no script

untagged-coding = llegan comprimidas
untagged-policy = su política de seguridad de contenido prohíbe el script o sus envíos
untagged-amp = son páginas AMP
untagged-xhtml = son XHTML
untagged-charset = su codificación es UTF-16 o similar
untagged-no-transform = envían Cache-Control: no-transform
untagged-markup = su código no tiene dónde ponerlo
untagged-panic = el programa falló con ellas

## What the script says

script-answer = La respuesta fue { $status }
script-silent = headcount no responde
script-loading = Cargando …
script-stale = Sin actualizar: estos son los números de { $time }. { $why }. Reintentando.

## Keys

keys-title = Atajos
keys-list = Esta lista
keys-on = Atajos activados

## Periods

period-title = Periodo
period-today = Hoy
period-7d = 7 d
period-30d = 30 d
period-month = Mes
period-12mo = 12 m
period-7-days = 7 días
period-28-days = 28 días y hoy
period-30-days = 30 días
period-91-days = 91 días y hoy
period-6-months = 6 meses
period-12-months = 12 meses
period-this-month = Este mes
period-year = Este año
period-all = Todo
period-yesterday = Ayer
period-last-month = Mes pasado
period-24-hours = 24 horas
period-last-24-hours = Últimas 24 horas
period-custom = Otro
period-more = Más
period-from = Desde
period-to = Hasta
period-show = Mostrar
period-days-and-today = { $n } días y hoy

## Comparing

compare-menu = Comparar: { $with }
compare-before = Periodo anterior
compare-day-before = Día anterior
compare-last-week = Mismo día de la semana pasada
compare-week-before = Mismo día de la semana anterior
compare-year = Año anterior
compare-nothing = Nada
compare-other = Otros días
compare-weekdays = Alinear días de la semana
compare-by-weekday = { $with }, días de la semana alineados
compare-do = Comparar

## Topics

topic-nav = Secciones del panel
topic-overview = Resumen
topic-realtime = Tiempo real
topic-bots = Bots e IA
topic-errors = Errores
topic-speed = Velocidad
topic-files = Archivos y feeds
topic-about-bots = Programas que dicen lo que son: buscadores, IA, monitores, herramientas. Ninguno cuenta como visitante. Cualquiera puede decirlo; al lado se indica cómo se les conoce.
topic-about-errors = Páginas que se pidieron y no estaban, o que fallaron. Ninguna es una página vista, y los robots que se dan a conocer no cuentan. «En navegador» son las que mostró un navegador: casi siempre a una persona. Tras la flecha de un enlace roto está la página que lo tiene. No se conserva quién las pidió, así que aquí no se pueden contar personas.
topic-about-speed = Cuánto espera la gente. El tiempo de la propia web se mide para todos; el resto lo mide el script, donde eso está activado.
topic-about-files = Archivos enviados, feeds y sus lectores, y páginas que los navegadores cargaron antes de que alguien las pidiera.

## Overview

overview-totals = Totales
overview-confirmed = { $share } confirmadas
overview-confirmed-title = de lo que respondió el servidor, esto lo confirmó un script en el navegador
overview-up = sube
overview-down = baja
overview-unchanged = sin cambios
overview-before = antes: { $n }
overview-last-30-minutes = Los últimos 30 minutos
overview-since = Desde el { $day }, { $time }
overview-24-hours-from = 24 horas desde el { $day }, { $time }
overview-so-far = { $days } hasta ahora
overview-today-until = Hoy hasta las { $time }
overview-days-and-today = { $n } días y hoy hasta ahora ({ $days })
overview-compared = { $days }, en comparación con { $before }
overview-compared-until = { $days }, en comparación con { $before } hasta las { $time }
overview-by-weekday = { $line }, con los días de la semana alineados
overview-no-data = { $days }; sin comparar con { $before }: no hay datos anteriores al { $day }
overview-no-data-before = no hay datos anteriores al { $day }
overview-rows-missing = { $days }; del periodo anterior no se conserva todo de cada visita
overview-whole-days = { $days }; de una sola página solo se comparan días completos
overview-no-parts = { $days }; el periodo anterior solo se conserva por días completos
overview-nothing-before = { $days }; no hay nada anterior con que comparar
overview-steps = Intervalos del gráfico
overview-minutes = Minutos
overview-hours = Horas
overview-days = Días
overview-weeks = Semanas
overview-months = Meses
overview-no-hours = Las horas se cuentan para todo el tráfico junto. { $link }.
overview-see-7-days = Ver esto en 7 días
overview-no-pageviews = Aún no hay páginas vistas
overview-first-visit = Los datos aparecen a los { $seconds } s de la primera visita. Abre el sitio a través del proxy para ver una.
overview-none-in-period = No hay páginas vistas en este periodo
overview-look-12-months = Ver los últimos 12 meses
start-title = Esperando la primera página vista
start-open = Abre tu sitio a través de headcount, como un visitante: { $link }
start-open-elsewhere = Abre una página de tu sitio, como un visitante. Entran por el proxy del que esto forma parte.
start-lead = Después haz que tus visitantes entren por ahí: headcount { $front } tu sitio, o { $behind } otro servidor.
start-front = delante de
start-behind = detrás de
start-watches = Esta página espera: los datos aparecen solos, a los { $seconds } s de la primera visita.
start-programs = Peticiones de programas hasta ahora: { $n }. Se cuentan aparte y no son páginas vistas.
imported-legend = importado
imported-of = { $n } importadas
imported-until = importados de { $program } hasta el { $day }
imported-part = Una parte son datos { $from }: páginas vistas, visitas y visitantes, contados aparte; las tasas y duraciones van sin ellos.
imported-untold = No se muestran: totales { $from }. Son totales por día, que los filtros y las horas no distinguen.
imported-left = Omitidos: totales { $from }.
imported-leave = Omitirlos
imported-take = Añadirlos

## Chart

chart-today = Hoy
chart-now = Ahora
chart-so-far = { $when }, hasta ahora
chart-until = { $when } hasta las { $time }
chart-note = nota: { $text }
chart-notes = Notas
chart-pin = Añadir una nota a un día
chart-all-notes = Todas las notas
chart-table = Mostrar como tabla
chart-numbers = Números del gráfico
chart-time = Tiempo
chart-before = Antes
chart-summary = { $name } a lo largo del tiempo, como máximo { $most }

## Cards

card-pages = Páginas
card-sources = Fuentes
card-places = Lugares
card-devices = Dispositivos
card-events = Eventos
card-bots = Quiénes son
card-fetched = Qué piden
card-suspected = Visitantes que se comportan como robots
card-known = Cómo se les conoce
card-networks = Visitantes desde centros de datos
card-links = Enlaces rotos
card-linked-from = { $n ->
    [one] enlazada desde { $n } página
   *[other] enlazada desde { $n } páginas
}
card-status = Estado
card-downloads = Archivos enviados
card-feeds = Feeds
card-prefetches = Páginas precargadas
card-unconfirmed = Vistas sin confirmar por el script
card-caches = Vistas desde cachés
card-goals = Objetivos
card-more = Más
card-all = Ver los { $n } en detalle
card-details = Detalles
card-nothing = Nada que los filtros dejen pasar.
card-tab-top = Top
card-tab-reading = Lectura
card-tab-entry = Entrada
card-tab-happened = Dónde ocurrió
card-tab-began = Dónde empezaron
card-tab-exit = Salida
card-tab-weight = Peso
card-tab-hosts = Hosts
card-tab-channels = Canales
card-tab-referrers = Referencias
card-tab-campaigns = Campañas
card-tab-utm-source = Fuente UTM
card-tab-medium = Medio
card-tab-content = Contenido
card-tab-term = Término
card-tab-countries = Países
card-tab-regions = Regiones
card-tab-cities = Ciudades
card-tab-languages = Idiomas
card-tab-types = Tipos
card-tab-browsers = Navegadores
card-tab-os = Sistema
card-tab-screens = Pantallas
card-tab-browser-versions = Versiones del navegador
card-tab-os-versions = Versiones del sistema
card-tab-properties = Propiedades
card-tab-outbound = Enlaces
card-tab-file-links = A archivos
card-tab-names = Nombres
card-tab-kinds = Tipos
card-tab-suspected = Sospechosos
card-tab-proof = Cómo
card-tab-robots-txt = robots.txt
card-tab-networks = Redes
card-tab-readers = Lectores
card-tab-prefetches = Precargas
card-tab-cached = De la caché
card-col-bounce = Rebote
card-col-time = Tiempo
card-col-scroll = Scroll
card-col-clicks = Clics
card-col-fetched = Cargadas
card-col-never-seen = No vistas
card-col-fetches = Peticiones
card-col-downloads = Descargas
card-col-total = Total
card-col-rate = Tasa

## Where a card has no rows

empty-pages = Aún no hay páginas. Aparecen con la primera página vista.
empty-bots = No pasó ningún bot.
empty-errors = Sin errores. Nadie se encontró con una página que falta.
empty-feeds = No se pidió ningún feed.
empty-script = Nada que comparar: el servidor aún no ha respondido ninguna vista.
empty-utm = No hay enlaces etiquetados. Añade utm_source, utm_medium o utm_campaign a los enlaces que compartes.
empty-city = Las regiones y ciudades necesitan una base de datos GeoIP: indica su archivo en geoip.
empty-devices = Aún no hay dispositivos.
empty-visits = Aún no hay visitas.
empty-referrers = Nadie ha llegado aún por enlaces de otros sitios.
empty-places = Aún no se conocen lugares.
empty-languages = Aún no se conocen idiomas.
empty-screens = Las pantallas las comunica el script: añade su etiqueta o pon inject = true.
empty-events = No hay eventos propios. Los envía el script.
empty-properties = Ningún evento tenía propiedades.
empty-outbound = No se siguió ningún enlace externo.
empty-file-links = No se siguió ningún enlace a archivos.
empty-suspected = Nadie se comportó como un robot.
empty-proof = No ha pasado ningún bot desde que se cuenta cómo se les conoce.
empty-robots-txt = No se sabe nada: nadie ha pedido todavía el robots.txt del sitio.
empty-networks = Nadie vino de un centro de datos, que se sepa: el ajuste «networks» indica la base de datos que lo dice.
empty-downloads = No se envió ningún archivo.
empty-prefetches = No hay páginas precargadas. Las que se cargan y nunca se ven no son páginas vistas.
empty-cached = Ninguna vista vino de una caché.
empty-goals = No se alcanzó ningún objetivo.

## Evidence

evidence-title = Evidencia
evidence-summary = El servidor respondió y el navegador confirmó el { $share } de todas las vistas
evidence-of-answered = de las que respondió el servidor, el { $share }
evidence-about = Cómo se conoce cada vista. Otras herramientas ven solo lo que dicen los scripts, o solo lo que guardan los registros.
evidence-why-server = respondida por el servidor; ningún script dijo nada, bloqueado o no
evidence-why-confirmed = respondida por el servidor y confirmada por el navegador
evidence-why-browser = mostrada sin petición: navegación dentro de la página o una caché
evidence-why-unverified = comunicada por un navegador que no muestra que recibió la página de aquí: menos segura que las demás

## Filters

filter-title = Filtros
filter-clear = Quitar todos
filter-own-view = Vista propia de esta página, de todas las visitas.
filter-by-page = Filtrar el resumen por esta página
filter-heat-maps = Mapas de calor y recorridos de esta página
filter-limited = Se muestra una parte del sitio.
filter-remove = Quitar el filtro: { $filter }
filter-or = o
filter-is = es
filter-is-not = no es
filter-contains = contiene
filter-contains-not = no contiene
filter-matches = coincide con
filter-matches-not = no coincide con
filter-menu = Filtrar
filter-property = Propiedad
filter-operator = Condición
filter-value = Valor
filter-placeholder = uno | otro
filter-suggest = Mostrar sus valores
filter-add = Añadir
filter-from-parts = Las partes de días se cuentan a partir de visitas sueltas.
filter-from-day = Los números filtrados empiezan el { $day }.
filter-from-day-why = Se cuentan a partir de visitas sueltas, y antes de ese día faltan algunas.
filter-from-rows = Los números filtrados se cuentan a partir de visitas sueltas, que se conservan de todos estos días.
filter-no-rows-parts = De estos días no se conservan las visitas y peticiones una a una, con las que se cuentan las partes de días.
filter-no-rows = De estos días no se conservan las visitas y peticiones una a una, con las que se cuentan los números filtrados.
filter-one-property = Se muestra lo contado de cada propiedad por separado.
filter-without-visits = Robots, errores, archivos y feeds no pertenecen a ninguna visita y se dejan fuera.
filter-without-views = Lo que se dice de páginas vistas (evidencia, velocidad) y de robots, errores, archivos y feeds se deja fuera.
filter-without-people = Estos se cuentan aparte de las visitas, que se dejan fuera.

## Segments in the dashboard

segment-menu = Segmento
segment-title = Segmento { $name }
segment-remove = Quitar el segmento { $name }
segment-delete = Eliminar el segmento { $name }
segment-name = Nombre
segment-save = Guardar estos filtros

## Goals and funnels in the dashboard

goal-since = Los objetivos de la página de ajustes se muestran desde el { $day }, hasta donde se conservan las visitas una a una.
goal-through = { $share } llega al final
goal-nobody = Ninguna visita ha empezado esto aún.
goal-none = nadie
goal-none-through = Nadie llegó al final
goal-of-all = Se muestra sin el filtro por su objetivo: quien lo alcanzó llegó al final.
goal-visits = Visitas que dieron estos pasos en este orden. Páginas y objetivos cuentan visitantes, y el total de un objetivo cada vez que se alcanzó: por eso las cifras difieren.
goal-visits-filtered = Una visita de la que alguna parte cumple el filtro cuenta con todos sus pasos, y los objetivos cuentan solo esa parte.
goal-leave = { $share } se va aquí

## A card's own page

details-search-in = Buscar en { $card }
details-search = Buscar
details-no-rows = Sin filas
details-of = { $first }–{ $last } de { $all }
details-back = Volver a todo
details-nothing = Nada se llama así, o no se contó nada de ello.
details-rows = Filas: { $card }
details-pages = Páginas
details-before = ‹ Anterior
details-page = Página { $page } de { $pages }
details-next = Siguiente ›

## What cards hold, as tables and files

sheet-all = Todas las tarjetas de esta página:
sheet-chart = A lo largo del tiempo
sheet-metric = Métrica
sheet-value = Valor
sheet-change = Cambio en %, en puntos si es una proporción
sheet-confirmed = Confirmado
sheet-compared = Comparado con
sheet-timing = Qué se mide
sheet-step = Paso
sheet-target = Qué es
sheet-of-all = Del primer paso
sheet-of-previous = Del paso anterior
sheet-way = Sentido
sheet-after = Después
sheet-row = Fila
sheet-column = Columna
sheet-tenth = Décima parte de la página

## Heat maps

heat-title = Mapa de calor
heat-clicks = Clics
heat-scroll-depth = Profundidad de scroll
heat-screen = Pantalla
heat-nothing = Nada aún. Los clics y la profundidad de scroll los comunica el script, donde están activados.
heat-grid = { $n } clics en una cuadrícula de { $columns } columnas
heat-n-clicks = { $n ->
    [one] { $n } clic
   *[other] { $n } clics
}
heat-below = { $clicks }, { $n } de ellos más abajo
heat-places = { $clicks }. Las posiciones son relativas al ancho de la página; las líneas están separadas un ancho de página.
heat-reached = De { $n } vistas, { $middle } llegó a la mitad y { $end } al final
heat-depth = hasta el { $depth }
heat-tenths = De { $n } vistas cuya profundidad de scroll se conoce, tantas llegaron a cada décima parte de la página.
heat-outline = Debajo está el contorno de la página como la tuvo la mayoría.
heat-no-outline = El contorno de la página aún no se conoce: se dibuja en cuanto alguien haya hecho clic con el script de esta versión.

## A page's own view

journey-title = Antes y después
journey-of = { $n } visitas que la vieron
journey-about = Desde su primera vista en cada visita. Quien volvió a ella y terminó ahí está entre «Visitas que terminaron aquí», pero tiene una página después de esa primera vista.
journey-before = { $n ->
    [one] La página anterior
   *[other] { $n } páginas antes
}
journey-after = { $n ->
    [one] La página siguiente
   *[other] { $n } páginas después
}
journey-began = ninguna página antes
journey-ended = ninguna página después
journey-others = otras páginas

way-title = Alrededor
way-began = Visitas que empezaron aquí
way-ended = Visitas que terminaron aquí
way-exits = Vistas que terminaron una visita
way-since = Lo que hubo antes y después, de dónde vinieron sus visitas y quiénes eran se sabe desde el { $day }, hasta donde se conservan las visitas una a una.
way-to-the-end = Leída hasta el final, de { $n } vistas con profundidad de desplazamiento conocida
way-unconfirmed = Vistas que el script no confirmó
way-training = Leída para entrenar IA
way-assistant = Pedida por un asistente
way-disallowed = Leído por IA contra robots.txt
way-referral = Visitas que envió un asistente
way-three-of-four = tres de cada cuatro vistas tardaron esto como máximo
way-broken = Enlaces rotos hacia ella
way-from = de dónde venía la gente

## AI

ai-title = Páginas que lee la IA y visitas que envía a ellas
ai-read = Páginas que lee la IA
ai-makers = IA: quién lee y a quién envía
ai-makers-about = todas las peticiones, también archivos y robots.txt
ai-reads-about = páginas leídas
ai-maker = IA
ai-requests-training = Pedido para entrenar
ai-requests-answers = Pedido para personas
ai-sent-by = Visitas que envió { $name } y dónde empezaron
ai-readers = Qué IA lee esta página
ai-unnamed = { $n } peticiones de robots no se distinguen por nombre: llegaron demasiados nombres.
ai-training = Leídas para entrenar
ai-answers = Leídas para personas
ai-disallowed = Contra robots.txt
ai-sent = Visitas enviadas

## Realtime

live-title = Ahora mismo
live-noscript = Con JavaScript, lo que ocurre se muestra aquí al momento.
live-quiet = No ha ocurrido nada desde que se abrió esta página.

## Speed

speed-website = Sitio web
speed-website-why = hasta que respondió al proxy
speed-ttfb = Primer byte
speed-ttfb-why = TTFB, en el navegador
speed-lcp = Mayor contenido
speed-lcp-why = LCP, en el navegador
speed-inp = Interacción
speed-inp-why = INP, en el navegador
speed-cls = Cambio de diseño
speed-cls-why = CLS, en el navegador
speed-good = buena
speed-fair = mejorable
speed-poor = mala
speed-views = { $n } vistas
speed-whole-days = La velocidad se muestra de días completos.
speed-of-views = La velocidad se muestra de vistas, no de objetivos ni eventos.
speed-nothing = No se midió ninguna vista.
speed-large = Cifras grandes: tres de cada cuatro vistas tardaron esto como máximo. El tiempo del sitio web se conoce de cada vista, el del navegador de aquellas cuyo script lo comunicó.
speed-slowest = Páginas más lentas

## Several sites

sites-now = Ahora
sites-none = Aún no hay ningún sitio que puedas ver: un propietario puede cambiarlo.
sites-all = Todos los sitios, 30 días
sites-about = Los últimos 30 días con hoy hasta ahora, cada uno en la zona horaria del sitio. Quien visita dos sitios cuenta en ambos.

## Where nothing can be shown

problem-away = Los datos no están disponibles
problem-forbidden = No tienes permiso para ver esto
problem-signed-out = No has iniciado sesión
problem-not-found = Aquí no hay nada
problem-other = Eso no se puede mostrar
problem-waits = Las peticiones se siguen respondiendo y contando. Lo contado espera aquí, hasta { $limit }, hasta que el almacén lo acepte. Esta página lo intenta de nuevo cada { $seconds } s.
problem-back = Volver al panel
problem-line = Esto no se entiende: { $line }
problem-store = No se puede leer el almacén
problem-token = Hace falta un token válido: envía { $header }.
problem-not-local = Este puerto no tiene credenciales, así que solo responde a { $name }, { $network } y { $address }. Para usar otro nombre, define una contraseña o un token.
problem-elsewhere = Esto lo envió una página de otro sitio web.
problem-no-right = Tus permisos no llegan tan lejos. Un propietario puede darte más.
problem-no-site = Hay más de un sitio: elige uno.
problem-no-such-site = No hay ningún sitio { $site }, o ninguno que puedas ver.
problem-no-segment = Este segmento no existe o ya no existe.
problem-no-page = Ninguna página tiene esta dirección.
problem-method = A esta página solo se llega con un formulario.
problem-full = No queda sitio para esto: borra algo primero.
problem-overtaken = Otros cambiaron lo mismo al mismo tiempo. Inténtalo de nuevo.
problem-unreadable = Lo guardado en el almacén no se puede leer.
problem-lost = Esta respuesta se perdió. Pregunta de nuevo.

## What is wrong with what somebody filled in

wrong-length = Un nombre o un texto tiene de 1 a { $most } caracteres y ningún salto de línea.
wrong-name-sign = Un nombre no lleva «=».
wrong-taken = «{ $name }» ya está en uso: elige otro nombre.
wrong-full = Ya hay { $most }: borra uno primero.
wrong-long = Esto ocupa más de { $most } bytes: acórtalo.
wrong-no-name = Falta el nombre.
wrong-path = «{ $text }»: la ruta de una página empieza por «/».
wrong-target = «{ $text }» no es ni una página ni un evento.
wrong-steps = Un embudo tiene de 2 a { $most } pasos.
wrong-step-sign = «{ $step }»: un paso no lleva «{ $sign }».
wrong-note-gone = Esta nota se borró mientras tanto.
wrong-note-changed = Esta nota se cambió mientras tanto. Ahora dice: { $text }
wrong-address = «{ $text }» no es ni una dirección ni una red.
wrong-everybody = Esto dejaría fuera a todos.
wrong-origin = «{ $text }» no es un origen como https://www.example.org.
wrong-origins = Un enlace tiene como máximo { $most } orígenes.
wrong-locked-in-frame = Un enlace con contraseña no se puede mostrar en un marco: allí los navegadores no envían cookies.
wrong-public-already = El sitio ya tiene una página pública.
wrong-person-gone = Se quitó a esta persona mientras tanto.
wrong-token-for-nothing = Elige para qué sirve el token: un sitio y un permiso.
wrong-password = Una contraseña tiene de { $least } a { $most } caracteres.
wrong-old-password = Esta no es tu contraseña actual.
wrong-day = «{ $text }» no es una fecha a partir de 1970.
wrong-backwards = El primer día es posterior al último.
wrong-long-range = Son más de { $years } años.
wrong-no-value = Un filtro por «{ $property }» necesita un valor.
wrong-pattern = «{ $text }» no es una expresión regular.
wrong-no-goal = No hay ningún objetivo «{ $name }».
wrong-no-segment = El segmento «{ $name }» no existe o ya no existe.
wrong-apart = «{ $one }» y «{ $other }» se cuentan por separado: nada cumple ambos.
wrong-tells-nothing = Lo que se filtra no dice nada de esto: quita un filtro.
wrong-no-column = Las filas se ordenan por una columna que no tienen con estos filtros.
wrong-only-totals = Del { $day } solo quedan totales, y los de cada propiedad para su mes entero: mira meses enteros.

## Signing in

login-title = Iniciar sesión
login-away = El almacén no responde. La contraseña del archivo de configuración funciona igualmente, sin nombre.
login-name = Nombre
login-name-help = Déjalo vacío para usar la contraseña del archivo de configuración.
login-password = Contraseña
login-no-people = El almacén, que conoce a las personas, no responde. Quien tenga la contraseña del archivo de configuración puede entrar sin nombre.
login-too-many = Demasiadas contraseñas incorrectas desde tu dirección. Inténtalo de nuevo en { $seconds } s.
login-wrong-name = Ese nombre y esa contraseña no son de nadie.
login-wrong = Esa no es la contraseña.

## Invitations

invite-page = Invitación
invite-not-good = Esta invitación no es válida: se usó, se retiró o tiene más de siete días. Pide otra.
invite-title = Te han invitado
invite-name = Nombre o correo, para iniciar sesión
invite-password = Una contraseña propia
invite-too-many = Demasiados intentos desde tu dirección. Inténtalo de nuevo en { $seconds } s.

## One's own account

account-file = Quien tiene la contraseña del archivo de configuración
account-everything = Puede ver y cambiar todos los sitios.
account-nothing = Aún no puede ver ningún sitio: un propietario puede cambiarlo.
account-sites = Puede ver { $sites }.
account-sign-out = Cerrar sesión en todas partes
account-another = Otra contraseña
account-ends = Cierra todas las sesiones; vuelve a entrar con la nueva.
account-old = Contraseña actual
account-new = Contraseña nueva
account-change = Cambiar

## Shared links

link-unknown = Ese enlace no existe, o ya no.
link-locked = Este enlace tiene contraseña
link-too-many = Demasiadas contraseñas incorrectas. Inténtalo de nuevo en { $seconds } s.
link-wrong = Esa no es la contraseña de este enlace.

## Settings: what all parts share

settings-of = Ajustes de { $site }
settings-goals = Objetivos
settings-funnels = Embudos
settings-notes = Notas
settings-segments = Segmentos
settings-exclusions = Exclusiones
settings-sharing = Compartir
settings-people = Personas
settings-tokens = Tokens de API
settings-copy = Cópialo ahora: no se guarda ni se vuelve a mostrar.
settings-file = archivo de configuración
settings-name = Nombre
settings-add = Añadir
settings-change = Cambiar
settings-change-one = Cambiar { $name }
settings-delete = Eliminar
settings-delete-one = Eliminar { $name }
settings-save = Guardar

## Settings: goals and funnels

goals-new = Añadir un objetivo
goals-about = Una página que se ve o un evento que ocurre. También vale para el pasado, hasta donde se conservan las visitas una a una.
goals-example = Registro
goals-reached-by = Se alcanza con
goals-page = ver la página
goals-event = el evento
goals-target = Ruta o evento
goals-none = Aún no hay objetivos.
funnels-new = Añadir un embudo
funnels-about = De dos a ocho pasos que una visita da uno tras otro, uno por línea: { $page } o { $event }.
funnels-example = Compra
funnels-steps = Pasos
funnels-none = Aún no hay embudos.

## Settings: notes

notes-new = Añadir una nota a un día
notes-edit = Cambiar una nota
notes-about = Un lanzamiento, un boletín, una caída: lo que los números no dicen por sí solos. Quien puede ver el sitio ve sus notas, en el gráfico y debajo.
notes-day = Día
notes-text = Nota
notes-none = Aún no hay notas.

## Settings: segments

segments-about = Filtros con un nombre. Filtra el panel y guárdalo en «Segmento».
segments-none = Aún no hay segmentos.

## Settings: addresses left out

exclusions-new = Excluir una dirección
exclusions-about = A quien venga de ella no se le cuenta, en segundos y en todos los nodos. Lo contado antes se queda: no se guarda la dirección de nadie.
exclusions-address = Dirección o red
exclusions-do = Excluir
exclusions-here = Excluir donde estoy ahora: { $network }
exclusions-title = Excluidas
exclusions-none = Se cuenta a todo el mundo.

## Settings: sharing

sharing-public = Página pública
sharing-everybody = Todo el mundo puede ver este sitio en { $link }.
sharing-private = Hacerla privada
sharing-nobody = Nadie ve este sitio sin un nombre o un enlace.
sharing-framed = Sitios que pueden mostrarla en un marco
sharing-publish = Hacerla pública
sharing-new = Crear un enlace
sharing-about = Quien tiene el enlace ve este sitio y nada más, y no cambia nada. Lo limitado a un segmento muestra solo eso, en todos los números.
sharing-example = Para la agencia
sharing-password = Contraseña (opcional)
sharing-shows = Muestra
sharing-everything = todo
sharing-segment = el segmento { $name }
sharing-gone = nada: su segmento ya no existe
sharing-framed-optional = Sitios que pueden mostrarla en un marco (opcional)
sharing-make = Crear el enlace
sharing-links = Enlaces
sharing-none = Aún no hay enlaces.
sharing-link = { $name } muestra { $what }
sharing-link-locked = { $name } muestra { $what }, con contraseña
sharing-delete = Eliminar el enlace { $name }
sharing-frames = En marcos de { $origins }: { $code }

## Settings: people

people-open = El archivo de configuración no tiene credenciales, así que quien esté en esta máquina puede hacerlo todo aquí. Pon { $key } antes de invitar a otros.
people-new = Invitar a alguien
people-about = Recibes un enlace para entregar. Vale siete días, una vez; la persona elige su propia contraseña.
people-name = Nombre o correo
people-may = Puede
people-see = ver { $site }
people-change = ver y cambiar { $site }
people-everything = ver y cambiar todos los sitios
people-invite = Crear una invitación
people-invitation = La invitación
people-file = { $who } puede ver y cambiar todos los sitios
people-file-who = Quien tiene la contraseña
people-rights = Permisos de { $name }
people-change-rights = Cambiar los permisos de { $name }
people-take-out = Quitar
people-take-out-one = Quitar a { $name }
people-withdraw = Retirar
people-withdraw-one = Retirar la invitación de { $name }
people-role-none = nada de este sitio
people-role-viewer = verlo
people-role-owner = verlo y cambiarlo
people-role-everything = todos los sitios
people-may-everything = { $name } puede ver y cambiar todos los sitios
people-may-change = { $name } puede ver y cambiar { $site }
people-may-see = { $name } puede ver { $site }
people-may-nothing = { $name } no puede ver nada de { $site }
people-invited-everything = { $name } tiene una invitación y puede ver y cambiar todos los sitios
people-invited-change = { $name } tiene una invitación y puede ver y cambiar { $site }
people-invited-see = { $name } tiene una invitación y puede ver { $site }
people-invited-nothing = { $name } tiene una invitación y no puede ver nada de { $site }

## Settings: tokens

tokens-new = Crear un token
tokens-about = Un programa lo envía como { $header }.
tokens-example = Informe semanal
tokens-may = Puede
tokens-read-stats = leer números, exportar visitas y eventos uno a uno
tokens-read-sites = listar sitios, objetivos, propiedades y segmentos
tokens-write-sites = crear y eliminar segmentos
tokens-read-metrics = leer las métricas del proceso
tokens-of = De
tokens-all-sites = todos los sitios, también los futuros
tokens-make = Crear el token
tokens-made = El nuevo token
tokens-title = Tokens
tokens-none = Aún no hay tokens.
tokens-file = { $n ->
    [one] { $n } token para todo
   *[other] { $n } tokens para todo
}
tokens-one = { $name } puede { $scopes } de { $sites }
tokens-sites = todos los sitios
tokens-used = usado por última vez el { $day }
tokens-never = nunca usado
tokens-revoke = Revocar
tokens-revoke-one = Revocar { $name }

## Reports by mail

report-week = la semana del { $days }
report-week-about = La semana del { $days }, en comparación con la semana anterior
report-month-about = { $month }, en comparación con el mes anterior
report-countries = Países
report-robots = Robots
report-by-day = Visitantes por día
report-day = { $visitors } visitantes { $views } vistas
report-in-visitors = visitantes
report-in-requests = peticiones
report-as-before = igual que antes
report-all-numbers = Todos los números: { $link }
report-open = Abrir el panel

## Alerts

alert-spike = { $site }: { $n } vistas en una hora
alert-spike-line = { $n } vistas en la hora desde { $since }; lo habitual a esta hora del día: { $usual }.
alert-drop = { $site }: solo { $n ->
    [one] { $n } vista
   *[other] { $n } vistas
} en seis horas
alert-drop-line = { $n ->
    [one] { $n } vista
   *[other] { $n } vistas
} en las seis horas desde { $since }; lo habitual a esta hora del día: { $usual }.
alert-robots = { $site }: los robots pidieron { $n } veces hoy
alert-robots-line = Se respondió a robots { $n } veces desde { $since }; lo habitual en un día entero: { $usual }.
