/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests of a batch: CSV by RFC 4180, JSON lines, and everything that is refused. */
#include "cli/manifest.h"
#include "tests/unit/check.h"

/* "KEY=VALUE|KEY=VALUE\n" for each row, with the line in front. */
static void flatten(const struct cli_manifest *m, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (size_t i = 0; i < m->n_rows; i++) {
		used += (size_t)snprintf(out + used, size - used, "%u:", m->rows[i].line);
		for (size_t j = 0; j < m->rows[i].n_values; j++)
			used += (size_t)snprintf(out + used, size - used, "%s%s=%s", j ? "|" : "",
						 m->rows[i].values[j].key,
						 m->rows[i].values[j].value);
		used += (size_t)snprintf(out + used, size - used, "\n");
	}
}

static void reads(void **state)
{
	static const struct {
		const char *text, *rows;
	} cases[] = {
		{ "name,ctid\na,101\nb,\n", "2:name=a|ctid=101\n3:name=b\n" },
		{ "name,ctid\r\na,101\r\nb,102", "2:name=a|ctid=101\n3:name=b|ctid=102\n" },
		{ "\xef\xbb\xbfname\na\n", "2:name=a\n" },
		{ "name,ips\n\"a\",\"1, 2\"\n", "2:name=a|ips=1, 2\n" },
		{ "name\n\"say \"\"hi\"\"\"\n", "2:name=say \"hi\"\n" },
		{ "name,x\n\"two\nlines\",1\nb,2\n", "2:name=two\nlines|x=1\n4:name=b|x=2\n" },
		{ "name\n\na\n\n\nb\n", "3:name=a\n6:name=b\n" },
		{ "\"name\",\"user:bob\"\na,1:2\n", "2:name=a|user:bob=1:2\n" },
		{ "name,ctid\n,102\n", "2:ctid=102\n" },
		{ "name\n  a b \n", "2:name=  a b \n" },
		{ "{\"name\": \"a\", \"ctid\": 101}\n{\"name\": \"b\"}",
		  "1:name=a|ctid=101\n2:name=b\n" },
		{ " \n{\"name\": null, \"ips\": [\"1\", \"2\"]}\n\n{\"x\": []}\n",
		  "2:ips=1 2\n4:\n" },
		{ "{\"name\": \"\\u00e4\"}", "1:name=\xc3\xa4\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct cli_manifest m = { 0 };
		char text[512];

		assert_ok(vzr_cli_manifest_parse("m", cases[i].text, strlen(cases[i].text), &m,
						 &err),
			  &err);
		flatten(&m, text, sizeof(text));
		assert_string_equal(text, cases[i].rows);
		vzr_cli_manifest_done(&m);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *words;
	} cases[] = {
		{ "", 1, "no name" },
		{ "name\n", 2, "no container in it" },
		{ "name,name\na,b\n", 1, "the column 'name' is there twice" },
		{ "name,\na,b\n", 1, "column 2 has no name" },
		{ "name,ctid\na\n", 2, "1 fields for 2 columns" },
		{ "name,ctid\na,1,2\n", 2, "more fields than the 2 columns" },
		{ "name\n\"a\n\nb\n", 2, "opened and never closed" },
		{ "name\n\"a\"b\n", 2, "behind a closing quote" },
		{ "name\na\"b\n", 2, "a quote inside a field" },
		{ "{\"name\": \"a\"}\n{\"name\": \"b\"\n", 2, "" },
		{ "{\"name\": \"a\", \"name\": \"b\"}\n", 1, "duplicate" },
		{ "{\"name\": true}\n", 1, "'name' is neither a text" },
		{ "{\"name\": 1.5}\n", 1, "'name' is neither a text" },
		{ "{\"name\": {\"a\": 1}}\n", 1, "'name' is neither a text" },
		{ "{\"ips\": [1]}\n", 1, "'ips' is neither a text" },
		{ "{\"name\": \"a\"}\n[1]\n", 2, "an object is needed" },
		{ "{\"name\": \"\xff\"}\n", 1, "unable to decode" },
		{ "{} x\n", 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct cli_manifest m = { 0 };

		assert_error(vzr_cli_manifest_parse("list.csv", cases[i].text,
						    strlen(cases[i].text), &m, &err),
			     -VZR_E_INPUT, &err, cases[i].words);
		assert_int_equal(err.line, cases[i].line);
		assert_non_null(strstr(err.msg, "list.csv: line "));
		assert_null(m.rows);
	}
}

static void nul_byte(void **state)
{
	static const char text[] = "name\na\0b\n";
	struct vzr_error err = VZR_ERROR_INIT;
	struct cli_manifest m = { 0 };

	(void)state;
	assert_error(vzr_cli_manifest_parse("m", text, sizeof(text) - 1, &m, &err), -VZR_E_INPUT,
		     &err, "NUL byte");
}

static void limits(void **state)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	struct vzr_error err = VZR_ERROR_INIT;
	struct cli_manifest m = { 0 };
	size_t used;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	memcpy(text, "name\n", 5);
	assert_error(vzr_cli_manifest_parse("m", text, size, &m, &err), -VZR_E_INPUT, &err,
		     "longer than 65536 bytes");
	for (used = 0; used < 4000; used += 2)
		memcpy(text + used, "a,", 2);
	assert_error(vzr_cli_manifest_parse("m", text, used, &m, &err), -VZR_E_INPUT, &err,
		     "twice");
	memcpy(text, "name\n", 5);
	for (used = 5; used < 5 + 2 * (CLI_MANIFEST_ROWS + 1); used += 2)
		memcpy(text + used, "a\n", 2);
	assert_error(vzr_cli_manifest_parse("m", text, used, &m, &err), -VZR_E_INPUT, &err,
		     "more than 100000 containers");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
