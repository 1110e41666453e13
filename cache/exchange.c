/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request over libcurl. Redirects are followed here, so that each hop is judged anew. */
#include "cache/exchange.h"

#include "cache/url.h"
#include "config.h"
#include "engine/base/cleanup.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MAX_REDIRECTS 5
#define MAX_HEADER_BYTES (64u << 10)
#define MAX_IGNORED_BYTES (64u << 10)
#define LOW_SPEED_BYTES 1024l
#define BUFFER_BYTES (256l << 10)
#define POLL_MS 200
#define STRONG_AFTER_S 60

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result = CURLE_FAILED_INIT;

static void global_setup(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int vzr_exchange_setup(struct vzr_fetcher *fetcher, struct vzr_error *err)
{
	pthread_once(&global_once, global_setup);
	if (global_result == CURLE_OK)
		fetcher->multi = curl_multi_init();
	return fetcher->multi ? 0 : vzr_fail(err, -VZR_E_FAILED, "cannot start libcurl");
}

void vzr_exchange_teardown(struct vzr_fetcher *fetcher)
{
	if (fetcher->multi)
		curl_multi_cleanup(fetcher->multi);
	fetcher->multi = NULL;
}

static const char *target(const struct vzr_exchange *x)
{
	return x->target ? x->target : x->url;
}

static const char *proxy_of(const struct vzr_fetcher *fetcher, const char *url)
{
	const struct vzr_fetch_options *o = &fetcher->options;
	const char *proxy = vzr_url_scheme(url) == VZR_SCHEME_HTTPS ? o->https_proxy
								    : o->http_proxy;

	return proxy && *proxy ? proxy : NULL;
}

static enum vzr_outcome outcome_of(int code)
{
	if (code == -VZR_E_LIMIT)
		return VZR_OUTCOME_TOO_LARGE;
	if (code == -VZR_E_NETWORK)
		return VZR_OUTCOME_USELESS;
	return code == -VZR_E_DIGEST ? VZR_OUTCOME_WRONG : VZR_OUTCOME_FATAL;
}

static bool is_redirect(unsigned int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* If-Range by a date is safe only if the file was old when it was served (RFC 9110, 8.8.2.2). */
static void drop_weak_date(struct vzr_answer *answer)
{
	time_t modified = curl_getdate(answer->last_modified, NULL);
	time_t now = curl_getdate(answer->date, NULL);

	if (modified < 0 || now < 0 || now - modified < STRONG_AFTER_S)
		answer->last_modified[0] = '\0';
}

/* The empty line: decides what the body is good for. */
static int end_of_headers(struct vzr_exchange *x)
{
	int r;

	if (x->answer.status < 200 || is_redirect(x->answer.status))
		return 0;
	x->outcome = vzr_answer_check(&x->answer, &x->asked, &x->err);
	if (x->outcome != VZR_OUTCOME_NONE)
		return 0;
	drop_weak_date(&x->answer);
	r = x->begin(x->data, &x->answer, &x->err);
	x->begun = r >= 0;
	if (r < 0)
		x->outcome = outcome_of(r);
	return r;
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct vzr_exchange *x = data;
	size_t len = size * count;

	x->header_bytes += len;
	if (x->header_bytes > MAX_HEADER_BYTES) {
		x->outcome = VZR_OUTCOME_USELESS;
		vzr_fail(&x->err, -VZR_E_NETWORK, "more than %u bytes of header lines",
			 MAX_HEADER_BYTES);
		return 0;
	}
	/* What comes behind a body that has begun are trailers: they change nothing. */
	if (x->begun)
		return len;
	if (len <= 2 && (line[0] == '\r' || line[0] == '\n'))
		return end_of_headers(x) < 0 ? 0 : len;
	vzr_answer_line(&x->answer, line, len);
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct vzr_exchange *x = data;
	size_t len = size * count;
	int r;

	if (!x->begun) {
		x->ignored_bytes += len;
		return x->ignored_bytes > MAX_IGNORED_BYTES ? 0 : len;
	}
	x->received += len;
	r = x->add(x->data, bytes, len, &x->err);
	if (r < 0)
		x->outcome = outcome_of(r);
	return r < 0 ? 0 : len;
}

static CURLcode set_network(const struct vzr_fetcher *fetcher, CURL *easy, const char *url)
{
	const struct vzr_fetch_options *o = &fetcher->options;
	const char *proxy = proxy_of(fetcher, url);
	CURLcode c = CURLE_OK;

	/* Set to something always: what is not set libcurl takes from the environment. */
	c |= curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");
	c |= curl_easy_setopt(easy, CURLOPT_NOPROXY,
			      !proxy ? "*" : o->no_proxy ? o->no_proxy : "");
	c |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1l);
	c |= curl_easy_setopt(easy, CURLOPT_NETRC,
			      (long)(o->netrc_file ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED));
	if (o->netrc_file)
		c |= curl_easy_setopt(easy, CURLOPT_NETRC_FILE, o->netrc_file);
	c |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	c |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1l);
	c |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2l);
	if (o->ca_file) {
		c |= curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
		c |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		c |= curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, o->ca_file);
		c |= curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	}
	c |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)o->connect_timeout_s);
	c |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	c |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)o->low_speed_s);
	c |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	return c;
}

static CURLcode set_request(struct vzr_exchange *x, CURL *easy)
{
	char range[32], line[VZR_VALIDATOR_MAX + 32];
	CURLcode c = CURLE_OK;

	if (x->asked.from) {
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)x->asked.from);
		c |= curl_easy_setopt(easy, CURLOPT_RANGE, range);
	}
	if (x->asked.from && x->if_range) {
		struct curl_slist *headers;

		snprintf(line, sizeof(line), "If-Range: %s", x->if_range);
		headers = curl_slist_append(x->headers, line);
		if (!headers)
			return CURLE_OUT_OF_MEMORY;
		x->headers = headers;
		c |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
	}
	c |= curl_easy_setopt(easy, CURLOPT_URL, target(x));
	c |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	c |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	c |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0l);
	c |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	c |= curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0l);
	c |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
	c |= curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0l);
	c |= curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1l);
	c |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "vzroot/" VZR_VERSION);
	c |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	c |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->reason);
	c |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	c |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	c |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	c |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	c |= curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
	return c;
}

static void release(struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	if (x->easy) {
		curl_multi_remove_handle(fetcher->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	x->easy = NULL;
	x->headers = NULL;
}

int vzr_exchange_start(struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	_Static_assert(sizeof(x->reason) >= CURL_ERROR_SIZE, "libcurl writes that much");
	CURLcode c;

	x->answer = (struct vzr_answer){ 0 };
	x->reason[0] = '\0';
	x->easy = curl_easy_init();
	c = x->easy ? set_network(fetcher, x->easy, target(x)) : CURLE_OUT_OF_MEMORY;
	if (c == CURLE_OK)
		c = set_request(x, x->easy);
	if (c != CURLE_OK || curl_multi_add_handle(fetcher->multi, x->easy) != CURLM_OK) {
		release(fetcher, x);
		x->ended = true;
		x->outcome = VZR_OUTCOME_FATAL;
		return vzr_fail(&x->err, -VZR_E_FAILED, "libcurl refuses the request: %s",
				curl_easy_strerror(c));
	}
	return 0;
}

/* What curl's result means, in plain words; @text NULL: libcurl's own. */
static const struct {
	CURLcode code;
	enum vzr_outcome outcome;
	const char *text;
} results[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, VZR_OUTCOME_PASSING,
	  "the host name cannot be resolved (DNS)" },
	{ CURLE_COULDNT_RESOLVE_PROXY, VZR_OUTCOME_PASSING,
	  "the proxy's name cannot be resolved (DNS)" },
	{ CURLE_PEER_FAILED_VERIFICATION, VZR_OUTCOME_USELESS,
	  "the TLS certificate is not trusted" },
	{ CURLE_SSL_CACERT_BADFILE, VZR_OUTCOME_USELESS, "the CA file cannot be used" },
	{ CURLE_SSL_CONNECT_ERROR, VZR_OUTCOME_PASSING, "the TLS handshake failed" },
	{ CURLE_GOT_NOTHING, VZR_OUTCOME_PASSING, "the connection was closed without an answer" },
	{ CURLE_WEIRD_SERVER_REPLY, VZR_OUTCOME_USELESS, "the answer is not HTTP as it should be" },
	{ CURLE_UNSUPPORTED_PROTOCOL, VZR_OUTCOME_USELESS, "the answer is not HTTP/1" },
	{ CURLE_BAD_CONTENT_ENCODING, VZR_OUTCOME_USELESS, "the answer is encoded wrongly" },
	{ CURLE_URL_MALFORMAT, VZR_OUTCOME_USELESS, "not a URL that can be used" },
	{ CURLE_LOGIN_DENIED, VZR_OUTCOME_USELESS, "the login was denied" },
};

static void connect_failed(struct vzr_exchange *x)
{
	long number = 0;

	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
	vzr_fail(&x->err, -VZR_E_NETWORK, "cannot connect: %s",
		 number > 0 ? strerrordesc_np((int)number) : x->reason);
}

static void timed_out(const struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (connected)
		vzr_fail(&x->err, -VZR_E_NETWORK,
			 "timed out: slower than 1 KiB/s for %u s, after %llu bytes",
			 fetcher->options.low_speed_s, (unsigned long long)x->received);
	else
		vzr_fail(&x->err, -VZR_E_NETWORK, "timed out: no connection within %u s",
			 fetcher->options.connect_timeout_s);
}

static void explain(const struct vzr_fetcher *fetcher, struct vzr_exchange *x, CURLcode code)
{
	const char *own = *x->reason ? x->reason : curl_easy_strerror(code);
	long connect_status = 0;

	x->outcome = VZR_OUTCOME_PASSING;
	curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
	if (connect_status && connect_status != 200) {
		vzr_fail(&x->err, -VZR_E_NETWORK, "the proxy answers HTTP status %ld",
			 connect_status);
		if (connect_status < 500)
			x->outcome = VZR_OUTCOME_USELESS;
		return;
	}
	if (code == CURLE_COULDNT_CONNECT) {
		connect_failed(x);
		return;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		timed_out(fetcher, x);
		return;
	}
	if (code == CURLE_OUT_OF_MEMORY) {
		x->outcome = VZR_OUTCOME_FATAL;
		vzr_fail_code(&x->err, -ENOMEM, "cannot download");
		return;
	}
	if (x->begun && (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR)) {
		vzr_fail(&x->err, -VZR_E_NETWORK,
			 "the connection was closed after %llu bytes, before the end",
			 (unsigned long long)x->received);
		return;
	}
	for (size_t i = 0; i < VZR_COUNT(results); i++)
		if (results[i].code == code) {
			x->outcome = results[i].outcome;
			vzr_fail(&x->err, -VZR_E_NETWORK, "%s (%s)", results[i].text, own);
			return;
		}
	vzr_fail(&x->err, -VZR_E_NETWORK, "%s", own);
}

/* Judges the place that a redirect names. 1: go there. */
static int follow(struct vzr_exchange *x)
{
	char shown[VZR_URL_SHOW];
	char *url = NULL;

	curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &url);
	x->outcome = VZR_OUTCOME_USELESS;
	if (!url || !*url) {
		vzr_fail(&x->err, -VZR_E_NETWORK, "HTTP status %u without a place to go to",
			 x->answer.status);
		return 0;
	}
	vzr_url_show(url, shown);
	if (x->redirects++ >= MAX_REDIRECTS) {
		vzr_fail(&x->err, -VZR_E_NETWORK, "more than %d redirects", MAX_REDIRECTS);
		return 0;
	}
	if (!vzr_url_ok(url) || vzr_url_scheme(url) == VZR_SCHEME_FILE) {
		vzr_fail(&x->err, -VZR_E_NETWORK, "a redirect to %s is refused", shown);
		return 0;
	}
	if (vzr_url_scheme(target(x)) == VZR_SCHEME_HTTPS &&
	    vzr_url_scheme(url) != VZR_SCHEME_HTTPS) {
		vzr_fail(&x->err, -VZR_E_NETWORK,
			 "a redirect from https to %s without TLS is refused", shown);
		return 0;
	}
	url = strdup(url);
	free(x->target);
	x->target = url;
	x->outcome = url ? VZR_OUTCOME_NONE : VZR_OUTCOME_FATAL;
	return url ? 1 : vzr_fail_code(&x->err, -ENOMEM, "cannot follow a redirect");
}

/* Decides the outcome of an exchange without one. 1: it goes on somewhere else. */
static int conclude(const struct vzr_fetcher *fetcher, struct vzr_exchange *x, CURLcode code)
{
	if (x->outcome != VZR_OUTCOME_NONE)
		return 0;
	if (!x->begun && is_redirect(x->answer.status) && code == CURLE_OK)
		return follow(x);
	if (code != CURLE_OK) {
		explain(fetcher, x, code);
		return 0;
	}
	x->outcome = VZR_OUTCOME_PASSING;
	if (!x->begun)
		vzr_fail(&x->err, -VZR_E_NETWORK, "the connection was closed inside the headers");
	else if (x->answer.has_length && !x->answer.chunked && x->received != x->answer.length)
		vzr_fail(&x->err, -VZR_E_NETWORK, "%llu bytes came, %llu were announced",
			 (unsigned long long)x->received, (unsigned long long)x->answer.length);
	else
		x->outcome = VZR_OUTCOME_GOT;
	return 0;
}

/* Puts URL and proxy in front of the reason. */
static void name_place(const struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	char url[VZR_URL_SHOW], to[VZR_URL_SHOW], proxy[VZR_URL_SHOW];
	const char *via = proxy_of(fetcher, target(x));

	if (x->outcome == VZR_OUTCOME_GOT || x->outcome == VZR_OUTCOME_FATAL)
		return;
	vzr_wrap(&x->err, x->err.code, "%s%s%s%s%s", vzr_url_show(x->url, url),
		 x->target ? " redirected to " : "", x->target ? vzr_url_show(x->target, to) : "",
		 via ? " by proxy " : "", via ? vzr_url_show(via, proxy) : "");
}

static void finished(struct vzr_fetcher *fetcher, CURL *easy, CURLcode code)
{
	struct vzr_exchange *x = NULL;
	int more;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
	more = conclude(fetcher, x, code);
	release(fetcher, x);
	if (more > 0 && vzr_exchange_start(fetcher, x) == 0)
		return;
	name_place(fetcher, x);
	x->ended = true;
}

int vzr_exchange_drive(struct vzr_fetcher *fetcher, int timeout_ms, struct vzr_error *err)
{
	int running = 0, left = 0;
	CURLMcode c;
	CURLMsg *msg;
	bool news = false;

	c = curl_multi_perform(fetcher->multi, &running);
	while (c == CURLM_OK && (msg = curl_multi_info_read(fetcher->multi, &left)))
		if (msg->msg == CURLMSG_DONE) {
			finished(fetcher, msg->easy_handle, msg->data.result);
			news = true;
		}
	if (c == CURLM_OK && !news)
		c = curl_multi_poll(fetcher->multi, NULL, 0, timeout_ms, NULL);
	return c == CURLM_OK ? 0
			     : vzr_fail(err, -VZR_E_FAILED, "libcurl: %s", curl_multi_strerror(c));
}

void vzr_exchange_done(struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	release(fetcher, x);
	free(x->target);
	x->target = NULL;
}

/*
 * OpenSSL writes to sockets without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL libcurl leaves it to
 * its caller that a closed connection does not end the process.
 */
static void block_sigpipe(sigset_t *ret_old)
{
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, ret_old);
}

static void restore_sigpipe(const sigset_t *old)
{
	const struct timespec now = { 0 };
	sigset_t pipe_only;

	if (sigismember(old, SIGPIPE))
		return;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	while (sigtimedwait(&pipe_only, NULL, &now) == SIGPIPE)
		;
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

void vzr_exchange_run(struct vzr_fetcher *fetcher, struct vzr_exchange *x)
{
	sigset_t old;
	int r;

	block_sigpipe(&old);
	r = vzr_exchange_start(fetcher, x);
	while (r == 0 && !x->ended) {
		r = vzr_cancelled(fetcher->ctx, &x->err);
		if (r == 0)
			r = vzr_exchange_drive(fetcher, POLL_MS, &x->err);
		if (r < 0)
			x->outcome = VZR_OUTCOME_FATAL;
	}
	vzr_exchange_done(fetcher, x);
	restore_sigpipe(&old);
}
