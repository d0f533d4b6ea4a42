/*
 * Copyright (C) The Pharos Authors
 *
 * Lexer: the text of a query to tokens with positions, one at a time.
 *
 * There are three modes: inside braces every word is a label name; after
 * "[" only what durations are made of is known, until a number was read;
 * elsewhere words may be keywords.  Words and operators come from
 * token_list.h.
 */

#include "promql/lexer.h"
#include "promql/dialect.h"
#include "promql/quote.h"
#include "promql/scan.h"

#include "core/utf8.h"
#include "core/yield.h"


/* as an end of input, told apart from every byte */
#define PHR_LEXER_END    -1

/* about what a token takes, with what the parser does; see phr_yield() */
#define PHR_LEXER_UNITS  32


static int phr_lexer_text(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);
static int phr_lexer_operator(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_bracketed_word(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_paren(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);
static int phr_lexer_open_bracket(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_braces(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);
static int phr_lexer_matching(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_duration(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_duration_colon(phr_lexer_t *l, phr_token_t *t,
    phr_err_t *err);
static int phr_lexer_duration_word(phr_lexer_t *l, phr_token_t *t);
static int phr_lexer_dialect_word(phr_lexer_t *l, phr_token_t *t);
static int phr_lexer_word(phr_lexer_t *l, phr_token_t *t);
static phr_token_e phr_lexer_keyword(phr_str_t word);
static int phr_lexer_paren_follows(const phr_lexer_t *l);
static int phr_lexer_number(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);
static int phr_lexer_string(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);
static void phr_lexer_skip_comment(phr_lexer_t *l);
static int phr_lexer_emit(phr_lexer_t *l, phr_token_t *t, phr_token_e kind,
    size_t len);
static int phr_lexer_fail(phr_lexer_t *l, phr_err_t *err, const char *text);
static int phr_lexer_fail_char(phr_lexer_t *l, phr_err_t *err,
    const char *text, size_t pos, const char *rest);
static int phr_lexer_fail_buf(phr_lexer_t *l, phr_err_t *err, phr_buf_t *b);


static int
phr_lexer_peek_at(const phr_lexer_t *l, size_t pos)
{
    return pos < l->input.len ? (unsigned char) l->input.data[pos]
                              : PHR_LEXER_END;
}


static int
phr_lexer_peek(const phr_lexer_t *l)
{
    return phr_lexer_peek_at(l, l->pos);
}


static int
phr_lexer_is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


static int
phr_lexer_is_digit(int c)
{
    return c >= '0' && c <= '9';
}


static int
phr_lexer_is_alpha(int c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static int
phr_lexer_is_word(int c)
{
    return phr_lexer_is_alpha(c) || phr_lexer_is_digit(c);
}


void
phr_lexer_init(phr_lexer_t *l, phr_str_t input)
{
    memset(l, 0, sizeof(*l));
    l->input = input;
}


int
phr_lexer_next(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int  c;

    phr_yield(PHR_LEXER_UNITS);

    for ( ;; ) {
        c = phr_lexer_peek(l);

        if (phr_lexer_is_space(c)) {
            l->pos++;

        } else if (c == '#' && !l->in_duration) {
            phr_lexer_skip_comment(l);

        } else {
            break;
        }
    }

    l->start = l->pos;

    if (l->in_duration) {
        return phr_lexer_duration(l, t, err);
    }

    if (l->in_braces) {
        return phr_lexer_braces(l, t, err);
    }

    return phr_lexer_text(l, t, err);
}


/* outside of braces and, but for what follows a duration, of brackets */

static int
phr_lexer_text(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int  c;

    c = phr_lexer_peek(l);

    if (c == PHR_LEXER_END) {

        if (l->nparens != 0) {
            return phr_lexer_fail(l, err, "unclosed left parenthesis");
        }

        if (l->in_brackets) {
            return phr_lexer_fail(l, err, "unclosed left bracket");
        }

        return phr_lexer_emit(l, t, PHR_TOK_EOF, 0);
    }

    if (phr_lexer_is_digit(c)
        || (c == '.' && phr_lexer_is_digit(phr_lexer_peek_at(l, l->pos + 1))))
    {
        return phr_lexer_number(l, t, err);
    }

    if (phr_lexer_is_alpha(c) || c == ':') {
        return l->in_brackets ? phr_lexer_bracketed_word(l, t, err)
                              : phr_lexer_word(l, t);
    }

    switch (c) {

    case '"':
    case '\'':
    case '`':
        return phr_lexer_string(l, t, err);

    case '(':
    case ')':
        return phr_lexer_paren(l, t, err);

    case '{':
        l->in_braces = 1;
        return phr_lexer_emit(l, t, PHR_TOK_LEFT_BRACE, 1);

    case '[':
        return phr_lexer_open_bracket(l, t, err);

    case ']':
        if (!l->in_brackets) {
            return phr_lexer_fail_char(l, err, "unexpected right bracket ",
                                       l->pos, "");
        }

        l->in_brackets = 0;
        return phr_lexer_emit(l, t, PHR_TOK_RIGHT_BRACKET, 1);

    default:
        return phr_lexer_operator(l, t, err);
    }
}


static int
phr_lexer_operator(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int     c, next;
    size_t  i;

    static const struct {
        char         text[3];
        phr_token_e  kind;
    } operators[] = {           /* longer ones before their beginnings */
        { ",",  PHR_TOK_COMMA },
        { "*",  PHR_TOK_MUL },
        { "/",  PHR_TOK_DIV },
        { "%",  PHR_TOK_MOD },
        { "+",  PHR_TOK_ADD },
        { "-",  PHR_TOK_SUB },
        { "^",  PHR_TOK_POW },
        { "@",  PHR_TOK_AT },
        { "==", PHR_TOK_EQLC },
        { "=",  PHR_TOK_EQL },
        { "!=", PHR_TOK_NEQ },
        { "<=", PHR_TOK_LTE },
        { "</", PHR_TOK_TRIM_UPPER },
        { "<",  PHR_TOK_LSS },
        { ">=", PHR_TOK_GTE },
        { ">/", PHR_TOK_TRIM_LOWER },
        { ">",  PHR_TOK_GTR },
    };

    c = phr_lexer_peek(l);
    next = phr_lexer_peek_at(l, l->pos + 1);

    if (c == '=' && next == '~') {
        return phr_lexer_fail_char(l, err, "unexpected character after '=': ",
                                   l->pos + 1, "");
    }

    if (c == '!' && next != '=') {
        return phr_lexer_fail_char(l, err, "unexpected character after '!': ",
                                   l->pos + 1, "");
    }

    for (i = 0; i < phr_nelems(operators); i++) {

        if (c == operators[i].text[0]
            && (operators[i].text[1] == '\0' || next == operators[i].text[1]))
        {
            return phr_lexer_emit(l, t, operators[i].kind,
                                  strlen(operators[i].text));
        }
    }

    return phr_lexer_fail_char(l, err, "unexpected character: ", l->pos, "");
}


/* in brackets, after the first number */

static int
phr_lexer_bracketed_word(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    if (phr_lexer_peek(l) == ':') {

        if (l->got_colon) {
            return phr_lexer_fail(l, err, "unexpected colon ':'");
        }

        l->got_colon = 1;

        return phr_lexer_emit(l, t, PHR_TOK_COLON, 1);
    }

    if (phr_lexer_duration_word(l, t) == PHR_OK
        || phr_lexer_dialect_word(l, t) == PHR_OK)
    {
        return PHR_OK;
    }

    return phr_lexer_fail_char(l, err, "unexpected character: ", l->start,
                               ", expected ':'");
}


static int
phr_lexer_paren(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    if (phr_lexer_peek(l) == '(') {
        l->nparens++;
        return phr_lexer_emit(l, t, PHR_TOK_LEFT_PAREN, 1);
    }

    if (l->nparens == 0) {
        l->start++;
        return phr_lexer_fail(l, err, "unexpected right parenthesis ')'");
    }

    l->nparens--;

    return phr_lexer_emit(l, t, PHR_TOK_RIGHT_PAREN, 1);
}


static int
phr_lexer_open_bracket(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    if (l->in_brackets) {
        return phr_lexer_fail(l, err, "unexpected left bracket '['");
    }

    l->in_brackets = 1;
    l->in_duration = 1;
    l->got_colon = 0;

    return phr_lexer_emit(l, t, PHR_TOK_LEFT_BRACKET, 1);
}


static int
phr_lexer_braces(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int  c;

    c = phr_lexer_peek(l);

    if (phr_lexer_is_alpha(c)) {

        while (phr_lexer_is_word(phr_lexer_peek(l))) {
            l->pos++;
        }

        return phr_lexer_emit(l, t, PHR_TOK_IDENTIFIER, 0);
    }

    switch (c) {

    case PHR_LEXER_END:
        return phr_lexer_fail(l, err, "unexpected end of input inside braces");

    case ',':
        return phr_lexer_emit(l, t, PHR_TOK_COMMA, 1);

    case '"':
    case '\'':
    case '`':
        return phr_lexer_string(l, t, err);

    case '=':
    case '!':
        return phr_lexer_matching(l, t, err);

    case '{':
        return phr_lexer_fail(l, err, "unexpected left brace '{'");

    case '}':
        l->in_braces = 0;
        return phr_lexer_emit(l, t, PHR_TOK_RIGHT_BRACE, 1);

    default:
        return phr_lexer_fail_char(l, err,
                                   "unexpected character inside braces: ",
                                   l->pos, "");
    }
}


static int
phr_lexer_matching(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int  next;

    next = phr_lexer_peek_at(l, l->pos + 1);

    if (phr_lexer_peek(l) == '=') {

        if (next == '~') {
            return phr_lexer_emit(l, t, PHR_TOK_EQL_REGEX, 2);
        }

        return phr_lexer_emit(l, t, PHR_TOK_EQL, 1);
    }

    if (next == '~') {
        return phr_lexer_emit(l, t, PHR_TOK_NEQ_REGEX, 2);
    }

    if (next == '=') {
        return phr_lexer_emit(l, t, PHR_TOK_NEQ, 2);
    }

    return phr_lexer_fail_char(l, err,
                               "unexpected character after '!' inside"
                               " braces: ", l->pos + 1, "");
}


/* between "[" and the first number, or the end of the brackets */

static int
phr_lexer_duration(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    int  c;

    c = phr_lexer_peek(l);

    switch (c) {

    case PHR_LEXER_END:
        return phr_lexer_fail(l, err, "unexpected end of input in duration"
                              " expression");

    case ']':
        l->in_brackets = 0;
        l->in_duration = 0;
        l->got_colon = 0;
        return phr_lexer_emit(l, t, PHR_TOK_RIGHT_BRACKET, 1);

    case ':':
        return phr_lexer_duration_colon(l, t, err);

    case '(':
    case ')':
        return phr_lexer_paren(l, t, err);

    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
    case ',':
        return phr_lexer_operator(l, t, err);

    default:
        break;
    }

    if (phr_lexer_is_digit(c)
        || (c == '.' && phr_lexer_is_digit(phr_lexer_peek_at(l, l->pos + 1))))
    {
        l->in_duration = 0;
        l->got_duration = 1;
        return phr_lexer_number(l, t, err);
    }

    if (phr_lexer_duration_word(l, t) == PHR_OK) {
        return PHR_OK;
    }

    if (phr_lexer_dialect_word(l, t) == PHR_OK) {
        l->in_duration = 0;
        l->got_duration = 1;
        return PHR_OK;
    }

    return phr_lexer_fail_char(l, err,
                               "unexpected character in duration"
                               " expression: ", l->start, "");
}


static int
phr_lexer_duration_colon(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    if (!l->got_duration) {
        l->start++;
        return phr_lexer_fail(l, err, "unexpected colon before duration in"
                              " duration expression");
    }

    if (l->got_colon) {
        l->start++;
        return phr_lexer_fail(l, err, "unexpected repeated colon in duration"
                              " expression");
    }

    l->got_colon = 1;

    return phr_lexer_emit(l, t, PHR_TOK_COLON, 1);
}


/* step, range, min_of or max_of; PHR_NOTFOUND if it is none of them */

static int
phr_lexer_duration_word(phr_lexer_t *l, phr_token_t *t)
{
    phr_token_e  kind;

    while (phr_lexer_is_alpha(phr_lexer_peek(l))) {
        l->pos++;
    }

    kind = phr_lexer_keyword(phr_str_from(l->input.data + l->start,
                                          l->pos - l->start));

    if (kind == PHR_TOK_STEP || kind == PHR_TOK_RANGE
        || kind == PHR_TOK_MIN_OF || kind == PHR_TOK_MAX_OF)
    {
        return phr_lexer_emit(l, t, kind, 0);
    }

    return PHR_NOTFOUND;
}


/* a name that WITH gave; PHR_NOTFOUND if there is none */

static int
phr_lexer_dialect_word(phr_lexer_t *l, phr_token_t *t)
{
    if (!l->dialect
        || !phr_lexer_is_alpha(phr_lexer_peek_at(l, l->start)))
    {
        return PHR_NOTFOUND;
    }

    l->pos = l->start;

    while (phr_lexer_is_word(phr_lexer_peek(l))) {
        l->pos++;
    }

    return phr_lexer_emit(l, t, PHR_TOK_IDENTIFIER, 0);
}


static int
phr_lexer_word(phr_lexer_t *l, phr_token_t *t)
{
    phr_str_t    word;
    phr_token_e  kind;

    while (phr_lexer_is_word(phr_lexer_peek(l)) || phr_lexer_peek(l) == ':') {
        l->pos++;
    }

    word = phr_str_from(l->input.data + l->start, l->pos - l->start);

    kind = phr_lexer_keyword(word);

    /* these came late, and metrics had their names */

    if ((kind == PHR_TOK_FILL || kind == PHR_TOK_FILL_LEFT
         || kind == PHR_TOK_FILL_RIGHT)
        && !phr_lexer_paren_follows(l))
    {
        kind = PHR_TOK_IDENTIFIER;
    }

    if (kind == PHR_TOK_IDENTIFIER && memchr(word.data, ':', word.len)) {
        kind = PHR_TOK_METRIC_IDENTIFIER;
    }

    return phr_lexer_emit(l, t, kind, 0);
}


/* in any case of letters; PHR_TOK_IDENTIFIER for what is no keyword */

static phr_token_e
phr_lexer_keyword(phr_str_t word)
{
    char    lower[16];
    size_t  i;

    if (word.len == 0 || word.len >= sizeof(lower)) {
        return PHR_TOK_IDENTIFIER;
    }

    for (i = 0; i < word.len; i++) {
        lower[i] = word.data[i];

        if (lower[i] >= 'A' && lower[i] <= 'Z') {
            lower[i] |= 0x20;
        }
    }

    lower[i] = '\0';

    if (strcmp(lower, "inf") == 0 || strcmp(lower, "nan") == 0) {
        return PHR_TOK_NUMBER;
    }

    for (i = 0; phr_lexer_is_alpha(lower[0]) && i < PHR_TOK_DEFAULT; i++) {
        if (strcmp(lower, phr_token_text((phr_token_e) i)) == 0) {
            return (phr_token_e) i;
        }
    }

    return PHR_TOK_IDENTIFIER;
}


static int
phr_lexer_paren_follows(const phr_lexer_t *l)
{
    size_t  pos;

    pos = l->pos;

    while (phr_lexer_is_space(phr_lexer_peek_at(l, pos))) {
        pos++;
    }

    return phr_lexer_peek_at(l, pos) == '(';
}


static int
phr_lexer_number(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    size_t                 pos;
    phr_buf_t              b;
    phr_dialect_literal_t  literal;

    if (phr_scan_number(l->input, &l->pos)) {
        return phr_lexer_emit(l, t, PHR_TOK_NUMBER, 0);
    }

    if (phr_scan_duration(l->input, &l->pos)) {
        return phr_lexer_emit(l, t, PHR_TOK_DURATION, 0);
    }

    if (l->dialect) {
        pos = l->start;

        if (phr_dialect_literal(l->input, &pos, &literal)) {
            l->pos = pos;
            return phr_lexer_emit(l, t, literal.is_duration
                                  ? PHR_TOK_DURATION : PHR_TOK_NUMBER, 0);
        }
    }

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "bad number or duration syntax: ");
    phr_utf8_quote(&b, phr_str_from(l->input.data + l->start,
                                    l->pos - l->start));

    return phr_lexer_fail_buf(l, err, &b);
}


static int
phr_lexer_string(phr_lexer_t *l, phr_token_t *t, phr_err_t *err)
{
    phr_buf_t  why;

    phr_buf_init(&why, 0);

    if (phr_scan_string(l->input, &l->pos, &why) != PHR_OK) {
        return phr_lexer_fail_buf(l, err, &why);
    }

    return phr_lexer_emit(l, t, PHR_TOK_STRING, 0);
}


static void
phr_lexer_skip_comment(phr_lexer_t *l)
{
    int  c;

    do {
        l->pos++;
        c = phr_lexer_peek(l);
    } while (c != PHR_LEXER_END && c != '\n' && c != '\r');
}


/* the token ends len bytes after the present position */

static int
phr_lexer_emit(phr_lexer_t *l, phr_token_t *t, phr_token_e kind, size_t len)
{
    l->pos += len;

    t->kind = kind;
    t->start = (int32_t) l->start;
    t->end = (int32_t) l->pos;
    t->text = phr_str_from(l->input.data + l->start, l->pos - l->start);

    return PHR_OK;
}


static int
phr_lexer_fail(phr_lexer_t *l, phr_err_t *err, const char *text)
{
    return phr_lexer_error(l->input, err, (int32_t) l->start,
                           (int32_t) l->input.len, "%s", text);
}


/* names the character at a position, between two texts */

static int
phr_lexer_fail_char(phr_lexer_t *l, phr_err_t *err, const char *text,
    size_t pos, const char *rest)
{
    uint32_t     c;
    phr_buf_t    b;
    const char  *p;

    p = l->input.data + pos;
    c = phr_utf8_decode(&p, l->input.data + l->input.len);

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, text);
    phr_quote_char(&b, c == UINT32_MAX ? 0xfffd : c);
    phr_buf_puts(&b, rest);

    return phr_lexer_fail_buf(l, err, &b);
}


/* frees the buffer */

static int
phr_lexer_fail_buf(phr_lexer_t *l, phr_err_t *err, phr_buf_t *b)
{
    int  rc;

    if (b->failed == PHR_OK) {
        rc = phr_lexer_fail(l, err, phr_buf_cstr(b));

    } else {
        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_buf_free(b);

    return rc;
}
