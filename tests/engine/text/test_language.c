#include "tests/engine/text/fixture.h"

static void knows_languages(void **state)
{
	struct fixture *f = *state;
	static const char *const cases[][2] = {
		{"en", "The mayor said on Tuesday that the city would open three new libraries before the end of the year, and that "
		       "every child could borrow books without paying."},
		{"fr", "Le maire a annoncé mardi que la ville ouvrira trois nouvelles bibliothèques avant la fin de l'année, et que les "
		       "enfants pourront emprunter des livres sans payer."},
		{"de", "Der Bürgermeister kündigte am Dienstag an, dass die Stadt vor Ende des Jahres drei neue Büchereien eröffnen wird "
		       "und dass Kinder nichts bezahlen müssen."},
		{"es", "El alcalde anunció el martes que la ciudad abrirá tres nuevas bibliotecas antes de que termine el año y que los "
		       "niños podrán llevarse libros sin pagar."},
		{"pt", "O prefeito anunciou na terça-feira que a cidade vai abrir três novas bibliotecas antes do fim do ano e que as "
		       "crianças não pagarão nada."},
		{"sw", "Meya alisema siku ya Jumanne kwamba jiji litafungua maktaba tatu mpya kabla ya mwisho wa mwaka na kwamba watoto "
		       "wataweza kuazima vitabu bila malipo."},
		{"ru", "Мэр объявил во вторник, что город откроет три новые библиотеки до конца года и что дети смогут брать книги "
		       "бесплатно."},
		{"uk", "Мер оголосив у вівторок, що місто відкриє три нові бібліотеки до кінця року і що діти зможуть брати книжки "
		       "безкоштовно, бо їх купить громада."},
		{"th", "นายกเทศมนตรีประกาศเมื่อวันอังคารว่าเมืองจะเปิดห้องสมุดใหม่สามแห่งก่อนสิ้นปี"},
		{"am", "ከንቲባው ማክሰኞ ዕለት ከተማዋ ሦስት አዳዲስ ቤተ መጻሕፍት እንደምትከፍት አስታወቁ"},
		{"ko", "시장은 화요일에 도시가 연말까지 도서관 세 곳을 새로 열 것이라고 발표했다"},
		{"ja", "市長は火曜日、年末までに三つの新しい図書館を開くと発表した"},
		{"zh", "市长星期二宣布，本市将在年底前开设三座新图书馆"},
		{"he", "ראש העיר הודיע ביום שלישי כי העירייה תפתח שלוש ספריות חדשות לפני סוף השנה"},
		{"el", "Ο δήμαρχος ανακοίνωσε την Τρίτη ότι η πόλη θα ανοίξει τρεις νέες βιβλιοθήκες"},
		{"ar", "أعلن رئيس البلدية يوم الثلاثاء أن المدينة ستفتح ثلاث مكتبات جديدة قبل نهاية العام وأن الأطفال لن يدفعوا شيئا"},
		{"und", ""},
		{"und", "12345 -- 67 !"},
		{"und", "\xf0\x9f\x98\x80\xf0\x9f\x8e\x89\xf0\x9f\x98\x80"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span guess[4];
		assert_int_not_equal(text_guess_languages(f->text, span_of(cases[i][1]), guess, 4), 0);
		assert_span_equal(guess[0], cases[i][0]);
		struct article a = {.summary = span_of(cases[i][1])};
		assert_span_equal(analyse(f, &a, NULL, 0).language, cases[i][0]);
	}
	struct span none;
	assert_int_equal(text_guess_languages(f->text, SPAN("text"), &none, 0), 0);
}

static void the_declared_language_wins(void **state)
{
	struct fixture *f = *state;
	/* ISO 639-3 to 639-1 by the registration authority's table (iso639-3.sil.org). */
	static const char *const cases[][2] = {
		{"en-GB", "en"},   {"EN_us", "en"}, {"zh-Hant-TW", "zh"}, {"eng", "en"}, {"swa", "sw"}, {"hau", "ha"}, {"fra", "fr"},
		{"ibo", "ig"},     {"xho", "xh"},   {"yor", "yo"},        {"amh", "am"}, {"tha", "th"}, {"haw", "haw"}, {"iw", "he"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct article a = {.title = SPAN("Rain in the hills"), .language = span_of(cases[i][0])};
		assert_span_equal(analyse(f, &a, NULL, 0).language, cases[i][1]);
	}
}

static void a_tag_that_says_nothing_is_not_a_declaration(void **state)
{
	struct fixture *f = *state;
	static const char *const tags[] = {"", "und", "x", "!!", "e-n", "english", "mul", "\xff\xff"};
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		struct article a = {.title = SPAN("The government said that it would not raise the price of bread this year"),
		                    .language = span_of(tags[i])};
		assert_span_equal(analyse(f, &a, NULL, 0).language, "en");
	}
}

static void expected_languages_choose(void **state)
{
	struct fixture *f = *state;
	struct {
		const char *text, *expected[2], *want;
	} cases[] = {
		{"ከተማዋ ሦስት አዳዲስ ቤተ መጻሕፍት", {"ti", "en"}, "ti"},
		{"ከተማዋ ሦስት አዳዲስ ቤተ መጻሕፍት", {"en", "am"}, "am"},
		{"市長発表図書館", {"ja", "en"}, "ja"},
		{"市長発表図書館", {"en", "fr"}, "zh"},
		{"รัฐบาลประกาศ", {"en", "fr"}, "th"}, /* no expectation turns Thai letters into English */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct article a = {.title = span_of(cases[i].text)};
		struct span expected[] = {span_of(cases[i].expected[0]), span_of(cases[i].expected[1])};
		struct text_analysis found;
		assert_int_equal(text_analyse(f->text, &f->arena, &a, expected, 2, NULL, 0, &found), 0);
		assert_span_equal(found.language, cases[i].want);
	}
}

static void tells_time_in_words(void **state)
{
	struct fixture *f = *state;
	/* CLDR 42, dates/fields, relativeTime. */
	enum { S = 1000, M = 60 * S, H = 60 * M };
	const int64_t day = INT64_C(24) * H, now = INT64_C(1700000000000);
	struct {
		const char *language;
		int64_t ago_ms;
		const char *want;
	} cases[] = {
		{"en", 0, "now"},
		{"en", 59 * S, "now"},
		{"en", 60 * S, "1 minute ago"},
		{"en", 2 * H + 59 * M, "2 hours ago"},
		{"en-GB", 3 * day, "3 days ago"},
		{"en", 14 * day, "2 weeks ago"},
		{"en", 60 * day, "2 months ago"},
		{"en", 800 * day, "2 years ago"},
		{"en", -5 * M, "in 5 minutes"},
		{"th", 2 * H, "2 ชั่วโมงที่ผ่านมา"},
		{"th", 5 * M, "5 นาทีที่ผ่านมา"},
		{"fr", 2 * H, "il y a 2 heures"},
		{"fr", 1 * day, "il y a 1 jour"},
		{"", 2 * H, "2 hours ago"},
	};
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct buf out = {0};
			buf_put_cstr(&out, "(");
			text_relative_time(f->text, span_of(cases[i].language), now - cases[i].ago_ms, now, &out);
			assert_false(out.failed);
			/* Normalised, because some releases of CLDR write no-break spaces. */
			struct span words = text_normalise(f->text, &f->arena, (struct span){out.data + 1, out.len - 1});
			assert_span_equal(words, cases[i].want);
			buf_free(&out);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_languages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_declared_language_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_tag_that_says_nothing_is_not_a_declaration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(expected_languages_choose, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_time_in_words, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
