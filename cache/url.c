/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* URLs as text. */
#include "cache/url.h"

#include "cache/fetch.h"
#include "engine/base/cleanup.h"

#include <ctype.h>
#include <string.h>

#define URL_MAX 4096

enum vzr_scheme vzr_url_scheme(const char *url)
{
	static const struct {
		const char *prefix;
		enum vzr_scheme scheme;
	} schemes[] = {
		{ "http://", VZR_SCHEME_HTTP },
		{ "https://", VZR_SCHEME_HTTPS },
		{ "file://", VZR_SCHEME_FILE },
	};

	for (size_t i = 0; i < VZR_COUNT(schemes); i++)
		if (strncasecmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return schemes[i].scheme;
	return VZR_SCHEME_OTHER;
}

/* Start and length of what stands between "//" and the path. */
static const char *authority(const char *url, size_t *ret_len)
{
	const char *start = strstr(url, "://");

	start = start ? start + 3 : url;
	*ret_len = strcspn(start, "/?#");
	return start;
}

static bool port_ok(const char *port, const char *end)
{
	unsigned int value = 0;

	if (port == end)
		return false;
	for (; port < end; port++) {
		if (!isdigit((unsigned char)*port) || value > 6553)
			return false;
		value = value * 10 + (unsigned int)(*port - '0');
	}
	return value > 0 && value <= 65535;
}

static bool host_ok(const char *host, size_t len)
{
	const char *end = host + len;
	const char *colon;

	if (len == 0 || memchr(host, '@', len))
		return false;
	if (*host == '[') {
		const char *close = memchr(host, ']', len);

		if (!close || close == host + 1)
			return false;
		for (const char *p = host + 1; p < close; p++)
			if (!isxdigit((unsigned char)*p) && !strchr(":.", *p))
				return false;
		return close + 1 == end || (close[1] == ':' && port_ok(close + 2, end));
	}
	colon = memchr(host, ':', len);
	for (const char *p = host; p < (colon ? colon : end); p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._~%", *p))
			return false;
	return colon != host && (!colon || port_ok(colon + 1, end));
}

bool vzr_url_ok(const char *url)
{
	enum vzr_scheme scheme = vzr_url_scheme(url);
	VZR_AUTO_FREE char *path = NULL;
	size_t len;
	const char *host = authority(url, &len);

	if (scheme == VZR_SCHEME_OTHER || strlen(url) > URL_MAX)
		return false;
	for (const unsigned char *p = (const unsigned char *)url; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"<>\\^`{|}", *p))
			return false;
	if (scheme == VZR_SCHEME_FILE)
		return (len == 0 || (len == 9 && strncasecmp(host, "localhost", 9) == 0)) &&
		       host[len] == '/' && vzr_url_path(url, &path) == 0;
	return host_ok(host, len);
}

char *vzr_url_show(const char *url, char out[VZR_URL_SHOW])
{
	size_t len;
	const char *host = authority(url, &len);
	const char *at = memrchr(host, '@', len);
	const char *start = at ? at + 1 : host;
	const char *query = strchr(start, '?');
	int n;

	/* Without "://" (a proxy may be given like that) host is the beginning. */
	n = snprintf(out, VZR_URL_SHOW, "%.*s%.*s%s", (int)(host - url), url,
		     query ? (int)(query - start) : (int)strlen(start), start,
		     query ? "?..." : "");
	if (n >= VZR_URL_SHOW)
		memcpy(out + VZR_URL_SHOW - 4, "...", 4);
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vzr_url_path(const char *url, char **ret_path)
{
	size_t skip;
	const char *in = authority(url, &skip);
	VZR_AUTO_FREE char *path = NULL;
	char *p;

	in += skip;
	p = path = malloc(strlen(in) + 1);
	if (!path)
		return -ENOMEM;
	while (*in && *in != '?' && *in != '#') {
		int value;

		if (*in != '%') {
			*p++ = *in++;
			continue;
		}
		if (hex_value(in[1]) < 0 || hex_value(in[2]) < 0)
			return -EINVAL;
		value = hex_value(in[1]) << 4 | hex_value(in[2]);
		if (value == 0)
			return -EINVAL;
		*p++ = (char)value;
		in += 3;
	}
	*p = '\0';
	*ret_path = vzr_take_ptr(path);
	return 0;
}
