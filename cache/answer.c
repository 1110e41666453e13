/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Header lines, read strictly: a client that guesses takes wrong bytes for right ones. */
#include "cache/answer.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"

#include <ctype.h>
#include <string.h>

static void status_line(struct vzr_answer *answer, const char *text)
{
	const char *p = text + strcspn(text, " ");

	*answer = (struct vzr_answer){ .total = UINT64_MAX };
	p += strspn(p, " ");
	if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]) ||
	    !isdigit((unsigned char)p[2]) || isdigit((unsigned char)p[3]))
		return;
	answer->status = (unsigned int)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
	p += 3;
	p += strspn(p, " ");
	snprintf(answer->reason, sizeof(answer->reason), "%s", p);
}

static void content_length(struct vzr_answer *answer, const char *value)
{
	uint64_t length;

	if (vzr_parse_uint(value, INT64_MAX, &length) < 0 ||
	    (answer->has_length && answer->length != length)) {
		answer->bad_length = true;
		return;
	}
	answer->has_length = true;
	answer->length = length;
}

/* "bytes FIRST-LAST/TOTAL", TOTAL may be "*". */
static void content_range(struct vzr_answer *answer, char *value)
{
	char *dash, *slash;

	answer->bad_range = true;
	if (answer->has_range || strncasecmp(value, "bytes ", 6) != 0)
		return;
	value += 6;
	dash = strchr(value, '-');
	slash = strchr(value, '/');
	if (!dash || !slash || dash > slash)
		return;
	*dash = *slash = '\0';
	if (vzr_parse_uint(value, INT64_MAX, &answer->first) < 0 ||
	    vzr_parse_uint(dash + 1, INT64_MAX, &answer->last) < 0 || answer->last < answer->first)
		return;
	if (strcmp(slash + 1, "*") != 0 &&
	    (vzr_parse_uint(slash + 1, INT64_MAX, &answer->total) < 0 ||
	     answer->total <= answer->last))
		return;
	answer->has_range = true;
	answer->bad_range = false;
}

/* A weak one (W/"...") says nothing about single bytes. */
static void etag(struct vzr_answer *answer, const char *value)
{
	size_t len = strlen(value);

	answer->etag[0] = '\0';
	if (len < 3 || len - 2 >= sizeof(answer->etag) || value[0] != '"' || value[len - 1] != '"')
		return;
	for (size_t i = 1; i < len - 1; i++)
		if (value[i] <= 0x20 || value[i] >= 0x7f || strchr("\"\\$`", value[i]))
			return;
	memcpy(answer->etag, value + 1, len - 2);
	answer->etag[len - 2] = '\0';
}

static void date(char out[VZR_VALIDATOR_MAX], const char *value)
{
	out[0] = '\0';
	for (const char *p = value; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(" ,:+-", *p))
			return;
	if (strlen(value) < VZR_VALIDATOR_MAX)
		memcpy(out, value, strlen(value) + 1);
}

void vzr_answer_line(struct vzr_answer *answer, const char *line, size_t len)
{
	char text[512];
	char *value, *colon;

	while (len > 0 && strchr("\r\n \t", line[len - 1]))
		len--;
	if (len >= sizeof(text) || memchr(line, '\0', len)) {
		/* Nothing that matters here is that long; but a length must not go unseen. */
		if (len > 15 && strncasecmp(line, "content-length:", 15) == 0)
			answer->bad_length = true;
		if (len > 17 && strncasecmp(line, "content-encoding:", 17) == 0)
			answer->encoded = true;
		return;
	}
	memcpy(text, line, len);
	text[len] = '\0';
	if (strncmp(text, "HTTP/", 5) == 0) {
		status_line(answer, text);
		return;
	}
	colon = strchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	if (strcasecmp(text, "content-length") == 0)
		content_length(answer, value);
	else if (strcasecmp(text, "content-range") == 0)
		content_range(answer, value);
	else if (strcasecmp(text, "content-encoding") == 0)
		answer->encoded |= strcasecmp(value, "identity") != 0;
	else if (strcasecmp(text, "transfer-encoding") == 0)
		answer->chunked = true;
	else if (strcasecmp(text, "etag") == 0)
		etag(answer, value);
	else if (strcasecmp(text, "last-modified") == 0)
		date(answer->last_modified, value);
	else if (strcasecmp(text, "date") == 0)
		date(answer->date, value);
}

static enum vzr_outcome by_status(const struct vzr_answer *answer, const struct vzr_asked *asked,
				  struct vzr_error *err)
{
	unsigned int status = answer->status;

	vzr_fail(err, -VZR_E_NETWORK, "HTTP status %u%s%s", status, *answer->reason ? " " : "",
		 answer->reason);
	if (status == 404 || status == 410)
		return VZR_OUTCOME_ABSENT;
	if (status == 416 && asked->from)
		return VZR_OUTCOME_BAD_RANGE;
	if (status == 408 || status == 429 || status >= 500)
		return VZR_OUTCOME_PASSING;
	if (status >= 300 && status < 400)
		vzr_fail(err, -VZR_E_NETWORK, "HTTP status %u without a place to go to", status);
	return VZR_OUTCOME_USELESS;
}

static bool range_ok(const struct vzr_answer *answer, const struct vzr_asked *asked)
{
	if (!answer->has_range || answer->bad_range || answer->first != asked->from)
		return false;
	if (answer->has_length && answer->length != answer->last - answer->first + 1)
		return false;
	/* Of a known whole the rest is due, all of it. */
	if (asked->size_bytes && answer->last != asked->size_bytes - 1)
		return false;
	return answer->total == UINT64_MAX || answer->total == answer->last + 1;
}

static enum vzr_outcome check_size(const struct vzr_answer *answer, const struct vzr_asked *asked,
				   struct vzr_error *err)
{
	uint64_t whole = answer->status == 206 ? answer->last + 1 : answer->length;

	if (answer->status == 200 && (!answer->has_length || answer->chunked))
		return VZR_OUTCOME_NONE;
	if (asked->size_bytes && whole != asked->size_bytes) {
		vzr_fail(err, -VZR_E_DIGEST, "the server has %llu bytes, expected %llu",
			 (unsigned long long)whole, (unsigned long long)asked->size_bytes);
		return VZR_OUTCOME_WRONG;
	}
	if (whole > asked->max_bytes) {
		vzr_fail(err, -VZR_E_LIMIT, "%llu bytes, more than the %llu that are allowed",
			 (unsigned long long)whole, (unsigned long long)asked->max_bytes);
		return VZR_OUTCOME_TOO_LARGE;
	}
	return VZR_OUTCOME_NONE;
}

enum vzr_outcome vzr_answer_check(const struct vzr_answer *answer, const struct vzr_asked *asked,
				  struct vzr_error *err)
{
	if (answer->status != 200 && answer->status != 206)
		return by_status(answer, asked, err);
	if (answer->encoded) {
		vzr_fail(err, -VZR_E_NETWORK,
			 "the server sends a Content-Encoding that was not asked for");
		return VZR_OUTCOME_USELESS;
	}
	if (answer->bad_length) {
		vzr_fail(err, -VZR_E_NETWORK, "the Content-Length cannot be believed");
		return VZR_OUTCOME_USELESS;
	}
	if (answer->status == 206 && !asked->from) {
		vzr_fail(err, -VZR_E_NETWORK, "HTTP status 206 although the whole was asked for");
		return VZR_OUTCOME_USELESS;
	}
	if (answer->status == 206 && !range_ok(answer, asked)) {
		vzr_fail(err, -VZR_E_NETWORK,
			 "the Content-Range is not what was asked for (from byte %llu)",
			 (unsigned long long)asked->from);
		return VZR_OUTCOME_BAD_RANGE;
	}
	return check_size(answer, asked, err);
}
