/* ASCII alone, whatever the locale: names of headers, hosts, schemes and language tags are made of it. */
#ifndef MYNEWS_BASE_ASCII_H
#define MYNEWS_BASE_ASCII_H

static inline char ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

#endif
