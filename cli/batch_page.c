/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of the report: a page without scripts or addresses, for light and dark screens. */
#include "cli/batch_page.h"

static const char style[] =
	":root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2126;--dim:#5d6670;--line:#d9dcdf;"
	"--card:#fff;--track:#eceeef;--bad:#b3261e;--badbg:#fdeceb;--good:#1b7a43}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#15181b;--fg:#e6e8ea;--dim:#9aa4ad;"
	"--line:#343a40;--card:#1d2125;--track:#262b30;--bad:#ff8a80;--badbg:#3a1f1e;"
	"--good:#6fd19a}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;padding:24px;max-width:1200px;background:var(--bg);color:var(--fg);"
	"font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
	"h1{font-size:1.5rem;margin:0 0 2px}h2{font-size:1.1rem;margin:32px 0 10px}\n"
	"p.when{margin:0 0 20px;color:var(--dim)}\n"
	".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px}\n"
	".card{background:var(--card);border:1px solid var(--line);border-radius:8px;"
	"padding:12px 16px}.card b{display:block;font-size:1.6rem;line-height:1.2;"
	"font-variant-numeric:tabular-nums}.card span{color:var(--dim)}\n"
	".card.bad b{color:var(--bad)}.card.good b{color:var(--good)}\n"
	".legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 10px;color:var(--dim)}\n"
	".legend i{display:inline-block;width:12px;height:12px;border-radius:3px;"
	"margin-right:6px;vertical-align:-1px}\n"
	".box{background:var(--card);border:1px solid var(--line);border-radius:8px;"
	"padding:12px 16px;overflow:auto}\n"
	".tall{max-height:75vh}\n"
	".row{display:grid;grid-template-columns:clamp(80px,18vw,200px) 1fr 72px;"
	"gap:10px;align-items:center;min-height:20px}\n"
	".row .n{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:13px}\n"
	".row .d{text-align:right;color:var(--dim);font-size:13px;"
	"font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	".track{position:relative;height:14px;background:var(--track);border-radius:3px;"
	"overflow:hidden}\n"
	".track i{position:absolute;top:0;height:14px;min-width:1px}\n"
	".axis .track{background:none;overflow:visible;height:18px}\n"
	".axis .track span{position:absolute;font-size:12px;color:var(--dim);"
	"border-left:1px solid var(--line);padding-left:4px;height:18px;white-space:nowrap}\n"
	".failed .n{color:var(--bad);font-weight:600}\n"
	".failed .track{outline:1px solid var(--bad)}\n"
	"table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
	"th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);"
	"white-space:nowrap}\n"
	"th{color:var(--dim);font-weight:600;font-size:13px}tr:last-child td{border-bottom:0}\n"
	"td.r,th.r{text-align:right}td.s-failed{color:var(--bad);font-weight:600}\n"
	"ul.failures{list-style:none;margin:0;padding:0}\n"
	"ul.failures li{background:var(--badbg);border-left:4px solid var(--bad);"
	"border-radius:4px;padding:8px 12px;margin:0 0 8px;overflow-wrap:anywhere}\n"
	"ul.failures b{display:block}\n"
	".s0{background:#7d8a97}.s1{background:#b79a3c}.s2{background:#3f7fc4}"
	".s3{background:#8f63b8}.s4{background:#c0638f}.s5{background:#5aa7a0}"
	".s6{background:#d08a4e}.s7{background:#4d9a57}.s8{background:#a0705a}"
	".s9{background:#6a6fd0}\n"
	"@media(max-width:700px){body{padding:12px}.axis .track span:nth-child(even){display:none}"
	".box{padding:10px}}\n"
	"@media print{.tall{max-height:none}}\n";

void vzr_cli_page_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

void vzr_cli_page_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n<title>",
	      out);
	vzr_cli_page_text(out, title);
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
	vzr_cli_page_text(out, title);
	fputs("</h1>\n", out);
}

void vzr_cli_page_end(FILE *out)
{
	fputs("</body>\n</html>\n", out);
}

uint64_t vzr_cli_page_step(uint64_t total_us)
{
	uint64_t power = 1;

	while (total_us / power >= 100)
		power *= 10;
	/* 10 to 99 powers are left. */
	if (total_us / power < 20)
		return 2 * power;
	return total_us / power < 50 ? 5 * power : 10 * power;
}
