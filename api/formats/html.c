/* libxml2's HTML parser, event by event: no tree is built, so depth costs nothing here. Nothing is fetched. */
#include "api/formats/html.h"

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct writer {
	char *out;
	size_t len, capacity; /* bytes; text only shrinks, but entities may in theory grow it, so it is checked */
	unsigned skipping;    /* depth inside elements that have no text */
	bool space;           /* white space is owed before the next character */
};

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool looks_like_html(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++) {
		char next = s.data[i + 1];
		if (s.data[i] == '<' && (letter(next) || next == '/' || next == '!' || next == '?'))
			return true;
		if (s.data[i] != '&' || !(letter(next) || next == '#'))
			continue;
		for (size_t j = i + 2; j < s.len && j < i + 34; j++) {
			if (s.data[j] == ';')
				return true;
			if (!letter(s.data[j]) && !(s.data[j] >= '0' && s.data[j] <= '9'))
				break;
		}
	}
	return false;
}

static bool named(const xmlChar *name, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp((const char *)name, *list) == 0)
			return true;
	return false;
}

static const char *const without_text[] = {"script", "style", "template", NULL};
/* Elements that run on within a line; every other one separates words. */
static const char *const within_line[] = {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del",
	"dfn", "em", "font", "i", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span",
	"strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", NULL};

static void on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
	struct writer *w = ctx;
	if (named(name, without_text))
		w->skipping++;
	if (!named(name, within_line))
		w->space = true;
}

static void on_end(void *ctx, const xmlChar *name)
{
	struct writer *w = ctx;
	if (w->skipping && named(name, without_text))
		w->skipping--;
	if (!named(name, within_line))
		w->space = true;
}

/* What browsers make of &#128; to &#159;: windows-1252 (HTML, 13.2.5.80). 0: stays a control character. */
static const uint16_t windows_1252[32] = {0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030,
	0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122,
	0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178};

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (w->capacity - w->len < n)
		return;
	memcpy(w->out + w->len, bytes, n);
	w->len += n;
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
	struct writer *w = ctx;
	if (w->skipping)
		return;
	for (int i = 0; i < len; i++) {
		xmlChar c = text[i];
		bool no_break = c == 0xc2 && i + 1 < len && text[i + 1] == 0xa0; /* U+00A0 */
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || no_break) {
			w->space = true;
			i += no_break;
			continue;
		}
		if (w->space && w->len > 0)
			put(w, " ", 1);
		w->space = false;
		if (c == 0xc2 && i + 1 < len && text[i + 1] < 0xa0 && windows_1252[text[i + 1] & 31]) {
			unsigned u = windows_1252[text[++i] & 31];
			unsigned char utf8[3] = {(unsigned char)(0xe0 | u >> 12), (unsigned char)(0x80 | (u >> 6 & 63)),
			                         (unsigned char)(0x80 | (u & 63))};
			if (u < 0x800)
				utf8[1] = (unsigned char)(0xc0 | u >> 6);
			put(w, utf8 + (u < 0x800), u < 0x800 ? 2 : 3);
		} else {
			put(w, &c, 1);
		}
	}
}

static struct span copy_lines(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t n = 0;
	if (!out)
		return (struct span){NULL, 0};
	for (size_t i = 0; i < text.len; i++)
		if (!(text.data[i] == '\r' && i + 1 < text.len && text.data[i + 1] == '\n'))
			out[n++] = text.data[i];
	out[n] = '\0';
	return (struct span){out, n};
}

struct span html_to_text(struct arena *arena, struct span text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!looks_like_html(text))
		return copy_lines(arena, text);
	pthread_once(&once, xmlInitParser);

	struct span none = {NULL, 0};
	/* An entity of n characters is at most twice as long in UTF-8 ("&nGt;" and its kind are two characters). */
	struct writer w = {.capacity = 2 * text.len};
	w.out = arena_alloc(arena, w.capacity + 1);
	if (!w.out || text.len > INT32_MAX)
		return none;
	xmlSAXHandler sax = {.startElement = on_start, .endElement = on_end, .characters = on_text, .cdataBlock = NULL,
	                     .ignorableWhitespace = on_text};
	htmlParserCtxtPtr parser = htmlCreateMemoryParserCtxt(text.data, (int)text.len);
	if (!parser)
		return none;
	htmlCtxtUseOptions(parser, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
	                               HTML_PARSE_IGNORE_ENC);
	xmlSwitchEncoding(parser, XML_CHAR_ENCODING_UTF8);
	xmlSAXHandlerPtr own = parser->sax;
	parser->sax = &sax;
	parser->userData = &w;
	htmlParseDocument(parser);
	parser->sax = own;
	bool failed = parser->errNo == XML_ERR_NO_MEMORY;
	htmlDocPtr doc = parser->myDoc;
	htmlFreeParserCtxt(parser);
	if (doc)
		xmlFreeDoc(doc);
	if (failed)
		return none;
	w.out[w.len] = '\0';
	return (struct span){w.out, w.len};
}
