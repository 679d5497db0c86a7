/* Publishers send markup in titles and bodies; everything behind the door is plain text. */
#ifndef MYNEWS_FORMATS_HTML_H
#define MYNEWS_FORMATS_HTML_H

#include "engine/base/arena.h"

/* The text a reader would see: tags go, scripts and styles with their content, block elements become a space, runs of
 * white space one space, entities characters. Text without anything like a tag or an entity is only copied ("AT&T <3"
 * stays), CRLF becoming LF. The text must be valid UTF-8. Returns a copy in the arena; data is NULL when memory is out. */
struct span html_to_text(struct arena *arena, struct span text);

#endif
