/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fetcher: its options, small documents into memory, files below the root. */
#include "cache/fetch.h"

#include "cache/exchange.h"
#include "cache/pace.h"
#include "cache/url.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 15
#define LOW_SPEED_S 30
#define RETRIES 3
#define BACKOFF_MS 500
#define MEMORY_MAX (1u << 20) /* a buffer's maximum that says nothing */

/* libcurl ignores a netrc or CA file that it cannot read, or says so late and darkly. */
static int check_readable(const char *what, const char *path, struct vzr_error *err)
{
	if (path && access(path, R_OK) < 0)
		return vzr_fail(err, -VZR_E_CONFIG, "cannot read the %s %s: %s", what, path,
				strerror(errno));
	return 0;
}

static int check_proxy(const char *proxy, struct vzr_error *err)
{
	static const char *const schemes[] = { "http", "https", "socks5", "socks5h" };
	const char *end = proxy ? strstr(proxy, "://") : NULL;
	char shown[VZR_URL_SHOW];

	if (!proxy || !*proxy)
		return 0;
	for (const unsigned char *p = (const unsigned char *)proxy; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return vzr_fail(err, -VZR_E_CONFIG, "proxy '%s' has blanks in it",
					vzr_url_show(proxy, shown));
	for (size_t i = 0; end && i < VZR_COUNT(schemes); i++)
		if (strlen(schemes[i]) == (size_t)(end - proxy) &&
		    strncasecmp(proxy, schemes[i], (size_t)(end - proxy)) == 0)
			return 0;
	return end ? vzr_fail(err, -VZR_E_CONFIG,
			      "proxy '%s' is not of a kind that is known (http, https, socks5, "
			      "socks5h)",
			      vzr_url_show(proxy, shown))
		   : 0;
}

static int check_options(const struct vzr_fetch_options *o, struct vzr_error *err)
{
	int r = check_readable("CA file", o->ca_file, err);

	if (r == 0)
		r = check_readable("netrc file", o->netrc_file, err);
	if (r == 0)
		r = check_proxy(o->http_proxy, err);
	return r == 0 ? check_proxy(o->https_proxy, err) : r;
}

int vzr_fetcher_new(const struct vzr_fetch_options *options, struct vzr_context *ctx,
		    struct vzr_fetcher **ret_fetcher, struct vzr_error *err)
{
	struct vzr_fetcher *fetcher;
	int r = check_options(options, err);

	if (r < 0)
		return r;
	fetcher = calloc(1, sizeof(*fetcher));
	if (!fetcher)
		return vzr_fail_code(err, -ENOMEM, "cannot download");
	fetcher->options = *options;
	fetcher->ctx = ctx;
	if (!options->connect_timeout_s)
		fetcher->options.connect_timeout_s = CONNECT_TIMEOUT_S;
	if (!options->low_speed_s)
		fetcher->options.low_speed_s = LOW_SPEED_S;
	if (!options->retries)
		fetcher->options.retries = RETRIES;
	if (!options->backoff_ms)
		fetcher->options.backoff_ms = BACKOFF_MS;
	fetcher->options.root_fd = fcntl(options->root_fd, F_DUPFD_CLOEXEC, 3);
	if (fetcher->options.root_fd < 0)
		r = vzr_fail_errno(err, "cannot download");
	else
		r = vzr_exchange_setup(fetcher, err);
	if (r < 0) {
		vzr_fetcher_free(fetcher);
		return r;
	}
	*ret_fetcher = fetcher;
	return 0;
}

void vzr_fetcher_free(struct vzr_fetcher *fetcher)
{
	if (!fetcher)
		return;
	vzr_exchange_teardown(fetcher);
	vzr_closep(&fetcher->options.root_fd);
	free(fetcher);
}

int vzr_fetch_open_file(const struct vzr_fetcher *fetcher, const char *url, int *ret_fd,
			struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = NULL;
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;
	int r = vzr_url_path(url, &path);

	if (r < 0)
		return vzr_fail_code(err, r, "%s", url);
	fd = vzr_open_in_root(fetcher->options.root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "%s: there is no such file", url);
	if (fd < 0)
		return vzr_fail_code(err, fd, "%s: cannot open it", url);
	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "%s: cannot look at it", url);
	if (!S_ISREG(st.st_mode))
		return vzr_fail(err, -VZR_E_NETWORK, "%s: not a regular file", url);
	*ret_fd = vzr_take_fd(fd);
	return 0;
}

static int on_begin(void *data, const struct vzr_answer *answer, struct vzr_error *err)
{
	struct vzr_buf *buf = data;

	(void)answer;
	(void)err;
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
	return 0;
}

static int on_bytes(void *data, const void *bytes, size_t len, struct vzr_error *err)
{
	struct vzr_buf *buf = data;
	int r = vzr_buf_add(buf, bytes, len);

	if (r == -VZR_E_LIMIT)
		return vzr_fail(err, r, "more than the %zu bytes that are allowed",
				buf->max ? buf->max : (size_t)MEMORY_MAX);
	return r < 0 ? vzr_fail_code(err, r, "cannot download") : 0;
}

static int read_file(struct vzr_fetcher *fetcher, const char *url, struct vzr_buf *buf,
		     struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r = vzr_fetch_open_file(fetcher, url, &fd, err);

	if (r < 0)
		return r;
	buf->len = 0;
	r = vzr_fd_read(fd, buf, err);
	if (r < 0)
		on_begin(buf, NULL, NULL);
	return r < 0 ? vzr_wrap(err, r, "%s", url) : 0;
}

static int code_of(const struct vzr_exchange *x)
{
	switch (x->outcome) {
	case VZR_OUTCOME_ABSENT:
		return -VZR_E_NOT_FOUND;
	case VZR_OUTCOME_TOO_LARGE:
		return -VZR_E_LIMIT;
	case VZR_OUTCOME_FATAL:
		return x->err.code < 0 ? x->err.code : -VZR_E_FAILED;
	case VZR_OUTCOME_NONE:
	case VZR_OUTCOME_GOT:
	case VZR_OUTCOME_PASSING:
	case VZR_OUTCOME_USELESS:
	case VZR_OUTCOME_WRONG:
	case VZR_OUTCOME_BAD_RANGE:
		break;
	}
	return -VZR_E_NETWORK;
}

int vzr_fetch_memory(struct vzr_fetcher *fetcher, const char *url, struct vzr_buf *buf,
		     struct vzr_error *err)
{
	char shown[VZR_URL_SHOW];

	if (!vzr_url_ok(url))
		return vzr_fail(err, -VZR_E_INPUT,
				"cannot download '%s': not a http, https or file URL without a "
				"user name in it",
				vzr_url_show(url, shown));
	if (vzr_url_scheme(url) == VZR_SCHEME_FILE)
		return read_file(fetcher, url, buf, err);
	for (unsigned int round = 1;; round++) {
		struct vzr_exchange x = { .url = url, .begin = on_begin, .add = on_bytes,
					  .data = buf };
		int r;

		x.asked.max_bytes = buf->max ? buf->max : MEMORY_MAX;
		vzr_exchange_run(fetcher, &x);
		if (x.outcome == VZR_OUTCOME_GOT)
			return 0;
		on_begin(buf, &x.answer, NULL);
		if (x.outcome != VZR_OUTCOME_PASSING || round > fetcher->options.retries)
			return vzr_fail(err, code_of(&x), "cannot download %s", x.err.msg);
		vzr_warn(fetcher->ctx, "%s; trying again", x.err.msg);
		r = vzr_pace(fetcher->ctx, fetcher->options.backoff_ms, round, err);
		if (r < 0)
			return r;
	}
}
