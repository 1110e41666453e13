/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a download that need no network: URLs, header lines, what an answer is worth. */
#include "cache/answer.h"
#include "cache/fetch.h"
#include "cache/pace.h"
#include "cache/url.h"
#include "engine/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_url_ok(void **state)
{
	static const char *const good[] = {
		"http://h/a", "https://h", "HTTPS://H:443/a?b=c#d", "http://[::1]:80/", "file:///a",
		"file://localhost/a%20b", "http://h/a~b/c%2Fd;e=f,g", "http://h_1.example/",
	};
	static const char *const bad[] = {
		"", "a", "/a", "ftp://h/a", "http:/h/a", "http://", "http:///a", "http://u@h/a",
		"http://u:p@h/a", "http://h:/a", "http://h:0/a", "http://h:65536/a", "http://h:x/a",
		"http://h a/", "http://h/a b", "http://h/a\n", "http://h/\"", "http://h/\\",
		"http://h\xc3\xa9/", "http://[::1", "http://[]/", "http://[::1]x/", "http://[g]/",
		"http://:80/", "file://host/a", "file:a", "file://", "file:///a%00b", "file:///a%0",
		"file:///a%zz", "javascript:x", "http://h/`", "http://h/{a}",
	};
	char longer[5000] = "http://h/";

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(good); i++)
		if (!vzr_url_ok(good[i]))
			fail_msg("'%s' should be accepted", good[i]);
	for (size_t i = 0; i < VZR_COUNT(bad); i++)
		if (vzr_url_ok(bad[i]))
			fail_msg("'%s' should be refused", bad[i]);
	memset(longer + 9, 'a', sizeof(longer) - 10);
	assert_false(vzr_url_ok(longer));
}

static void test_url_show(void **state)
{
	static const char *const cases[][2] = {
		{ "http://h/a", "http://h/a" },
		{ "http://u:p@h/a", "http://h/a" },
		{ "http://u:p@x@h/a@b", "http://h/a@b" },
		{ "http://h/a?token=1", "http://h/a?..." },
		{ "http://u:p@h?u@x", "http://h?..." },
		{ "u:p@proxy:3128", "proxy:3128" },
		{ "proxy:3128", "proxy:3128" },
		{ "", "" },
	};
	char longer[400] = "http://h/", out[VZR_URL_SHOW];

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++)
		assert_string_equal(vzr_url_show(cases[i][0], out), cases[i][1]);
	memset(longer + 9, 'a', sizeof(longer) - 10);
	vzr_url_show(longer, out);
	assert_int_equal(strlen(out), VZR_URL_SHOW - 1);
	assert_string_equal(out + VZR_URL_SHOW - 5, "a...");
}

static void test_url_path(void **state)
{
	VZR_AUTO_FREE char *path = NULL;
	char *none = NULL;

	(void)state;
	assert_int_equal(vzr_url_path("file:///a%2fb%20c?x#y", &path), 0);
	assert_string_equal(path, "/a/b c");
	assert_int_equal(vzr_url_path("file:///%00", &none), -EINVAL);
	assert_int_equal(vzr_url_path("file:///%", &none), -EINVAL);
	assert_null(none);
}

static struct vzr_answer read_answer(const char *text)
{
	struct vzr_answer answer = { 0 };

	while (*text) {
		const char *end = strchrnul(text, '\n');

		end += *end == '\n';
		vzr_answer_line(&answer, text, (size_t)(end - text));
		text = end;
	}
	return answer;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define PART "HTTP/1.1 206 Partial Content\r\n"

static void test_header_lines(void **state)
{
	struct vzr_answer a;

	(void)state;
	a = read_answer("HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n" OK
			"CONTENT-LENGTH:  7 \r\nETag: \"x-1\"\r\n"
			"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
			"Transfer-Encoding: chunked\r\nContent-Encoding: identity\r\n"
			"no colon\r\n: no name\r\n");
	assert_int_equal(a.status, 200);
	assert_string_equal(a.reason, "OK");
	assert_true(a.has_length && a.chunked && !a.encoded && !a.bad_length);
	assert_int_equal(a.length, 7);
	assert_string_equal(a.etag, "x-1");
	assert_string_equal(a.last_modified, "Mon, 01 Jan 2024 00:00:00 GMT");
	assert_int_equal(read_answer("HTTP/1.1 20 OK\r\n").status, 0);
	assert_int_equal(read_answer("HTTP/1.1 2000 OK\r\n").status, 0);
	assert_int_equal(read_answer("HTTP/2 206\r\n").status, 206);
	assert_true(read_answer(OK "Content-Encoding: br\r\n").encoded);
	assert_string_equal(read_answer(OK "ETag: W/\"x\"\r\n").etag, "");
	assert_string_equal(read_answer(OK "ETag: x\r\n").etag, "");
	assert_string_equal(read_answer(OK "ETag: \"a\"b\"\r\n").etag, "");
	assert_string_equal(read_answer(OK "Last-Modified: \"x\"\r\n").last_modified, "");
}

static void test_lengths(void **state)
{
	static const char *const bad[] = {
		"Content-Length: x", "Content-Length: -1", "Content-Length: +1", "Content-Length:",
		"Content-Length: 5, 5", "Content-Length: 5\r\nContent-Length: 6",
		"Content-Length: 9223372036854775808", "Content-Length: 0x5",
	};
	char text[1000];

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(bad); i++) {
		snprintf(text, sizeof(text), OK "%s\r\n", bad[i]);
		if (!read_answer(text).bad_length)
			fail_msg("'%s' should be refused", bad[i]);
	}
	assert_false(read_answer(OK "Content-Length: 5\r\nContent-Length: 5\r\n").bad_length);
	snprintf(text, sizeof(text), OK "Content-Length: %0*d\r\n", 600, 5);
	assert_true(read_answer(text).bad_length);
	snprintf(text, sizeof(text), OK "Content-Encoding: identity%*s,gzip\r\n", 600, "");
	assert_true(read_answer(text).encoded);
}

static void test_ranges(void **state)
{
	static const char *const bad[] = {
		"bytes 5-4/9", "bytes 5-9/9", "bytes -9/10", "bytes 5-/10", "bytes */10",
		"bytes 5-9", "5-9/10", "bytes 5/9-10", "bytes a-9/10", "bytes=5-9/10",
		"bytes 5-9/x", "bytes 5-9/10\r\nContent-Range: bytes 5-9/10",
	};
	struct vzr_answer a = read_answer(PART "Content-Range: bytes 5-9/10\r\n");

	(void)state;
	assert_true(a.has_range && !a.bad_range);
	assert_int_equal(a.first, 5);
	assert_int_equal(a.last, 9);
	assert_int_equal(a.total, 10);
	assert_true(read_answer(PART "Content-Range: bytes 5-9/*\r\n").total == UINT64_MAX);
	for (size_t i = 0; i < VZR_COUNT(bad); i++) {
		char text[200];

		snprintf(text, sizeof(text), PART "Content-Range: %s\r\n", bad[i]);
		if (!read_answer(text).bad_range)
			fail_msg("'%s' should be refused", bad[i]);
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *answer;
		struct vzr_asked asked;
		enum vzr_outcome outcome;
		const char *message;
	} cases[] = {
		{ OK "Content-Length: 10", { 0, 10, 10 }, VZR_OUTCOME_NONE, "" },
		{ OK, { 0, 10, 10 }, VZR_OUTCOME_NONE, "" },
		{ OK "Content-Length: 10", { 5, 10, 10 }, VZR_OUTCOME_NONE, "" },
		{ OK "Content-Length: 3\r\nTransfer-Encoding: chunked", { 0, 10, 10 },
		  VZR_OUTCOME_NONE, "" },
		{ OK "Content-Length: 9", { 0, 10, 10 }, VZR_OUTCOME_WRONG, "has 9 bytes" },
		{ OK "Content-Length: 11", { 0, 0, 10 }, VZR_OUTCOME_TOO_LARGE,
		  "11 bytes, more than the 10" },
		{ PART "Content-Range: bytes 5-9/10", { 5, 10, 10 }, VZR_OUTCOME_NONE, "" },
		{ PART "Content-Range: bytes 5-9/*", { 5, 10, 10 }, VZR_OUTCOME_NONE, "" },
		{ PART "Content-Range: bytes 5-9/10", { 5, 0, 10 }, VZR_OUTCOME_NONE, "" },
		{ PART "Content-Range: bytes 0-9/10", { 0, 10, 10 }, VZR_OUTCOME_USELESS,
		  "206 although" },
		{ PART "Content-Range: bytes 4-9/10", { 5, 10, 10 }, VZR_OUTCOME_BAD_RANGE,
		  "(from byte 5)" },
		{ PART "Content-Range: bytes 5-8/10", { 5, 10, 10 }, VZR_OUTCOME_BAD_RANGE, "" },
		{ PART "Content-Range: bytes 5-8/10", { 5, 0, 10 }, VZR_OUTCOME_BAD_RANGE, "" },
		{ PART "Content-Range: bytes 5-10/11", { 5, 10, 99 }, VZR_OUTCOME_BAD_RANGE, "" },
		{ PART "Content-Range: bytes 5-10/11", { 5, 0, 10 }, VZR_OUTCOME_TOO_LARGE, "" },
		{ PART "Content-Range: bytes 5-9/10\r\nContent-Length: 6", { 5, 10, 10 },
		  VZR_OUTCOME_BAD_RANGE, "" },
		{ PART "Content-Length: 5", { 5, 10, 10 }, VZR_OUTCOME_BAD_RANGE, "" },
		{ "HTTP/1.1 416 x", { 5, 10, 10 }, VZR_OUTCOME_BAD_RANGE, "416" },
		{ "HTTP/1.1 416 x", { 0, 10, 10 }, VZR_OUTCOME_USELESS, "416" },
		{ "HTTP/1.1 408 x", { 0, 10, 10 }, VZR_OUTCOME_PASSING, "408" },
		{ "HTTP/1.1 429 x", { 0, 10, 10 }, VZR_OUTCOME_PASSING, "429" },
		{ "HTTP/1.1 599 x", { 0, 10, 10 }, VZR_OUTCOME_PASSING, "599" },
		{ "HTTP/1.1 201 x", { 0, 10, 10 }, VZR_OUTCOME_USELESS, "201" },
		{ "HTTP/1.1 401 x", { 0, 10, 10 }, VZR_OUTCOME_USELESS, "401" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		struct vzr_answer answer = read_answer(cases[i].answer);
		struct vzr_error err = VZR_ERROR_INIT;
		enum vzr_outcome outcome = vzr_answer_check(&answer, &cases[i].asked, &err);

		if (outcome != cases[i].outcome || !strstr(err.msg, cases[i].message))
			fail_msg("case %zu: outcome %d, '%s'", i, (int)outcome, err.msg);
	}
}

static void test_pace(void **state)
{
	struct vzr_context cancelled = { .cancelled = 1 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_int_equal(vzr_pace_ms(500, 1, 0), 250);
	assert_int_equal(vzr_pace_ms(500, 1, UINT32_MAX), 750);
	assert_int_equal(vzr_pace_ms(500, 3, 0), 1000);
	assert_int_equal(vzr_pace_ms(500, 1000, 0), 15000);
	assert_int_equal(vzr_pace_ms(UINT32_MAX, 1, UINT32_MAX), 45000);
	assert_int_equal(vzr_pace_ms(0, 5, UINT32_MAX), 0);
	assert_int_equal(vzr_pace(NULL, 1, 1, &err), 0);
	assert_int_equal(vzr_pace(&cancelled, 100000, 9, &err), -VZR_E_CANCELLED);
}

static void test_bad_options(void **state)
{
	static const struct {
		struct vzr_fetch_options options;
		const char *message;
	} cases[] = {
		{ { .http_proxy = "ftp://p" }, "proxy 'ftp://p' is not of a kind that is known" },
		{ { .https_proxy = "http://u:secret@p q" }, "proxy 'http://p q' has blanks" },
		{ { .ca_file = "/no/such/file" }, "cannot read the CA file /no/such/file" },
		{ { .netrc_file = "/no/such/file" }, "cannot read the netrc file /no/such/file" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		struct vzr_fetcher *fetcher = NULL;
		struct vzr_error err = VZR_ERROR_INIT;

		assert_int_equal(vzr_fetcher_new(&cases[i].options, NULL, &fetcher, &err),
				 -VZR_E_CONFIG);
		assert_null(fetcher);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("'%s' is not in '%s'", cases[i].message, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_ok),	     cmocka_unit_test(test_url_show),
		cmocka_unit_test(test_url_path),     cmocka_unit_test(test_header_lines),
		cmocka_unit_test(test_lengths),	     cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_check),	     cmocka_unit_test(test_pace),
		cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
