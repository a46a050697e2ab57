#include "text/words.h"

#include <ctype.h>

static int is_word_character(int c)
{
    return isalnum(c) || c == '\'';
}

size_t words_next(FILE *in, char word[WORD_MAX_LENGTH + 1])
{
    size_t length = 0;
    int c = getc(in);

    while (c != EOF && !is_word_character(c))
        c = getc(in);
    while (c != EOF && is_word_character(c)) {
        if (length < WORD_MAX_LENGTH)
            word[length++] = (char)tolower(c);
        c = getc(in);
    }
    word[length] = '\0';
    return length;
}
