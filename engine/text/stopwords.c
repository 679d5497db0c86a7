/* The commonest words of the larger languages, as they stand after folding. Document frequency finds the rest of them
 * once articles have come; this list is for the first day. */
#include <errno.h>
#include <stdlib.h>
#include <unicode/uchar.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

static const struct {
	const char *language, *words; /* words apart by one space */
} lists[] = {
	{"en", "a about after all also am an and any are as at be been before being but by can could did do does down for "
	       "from get had has have he her here him his how i if in into is it it's its just may me more most my new no not "
	       "now of off on one only or other our out over said say says she should so some such than that the their them "
	       "then there these they this to too two under up us was we were what when where which while who whom why will "
	       "with would you your"},
	{"fr", "a à au aux avec c ce ces cette d dans de des du elle en est et été être il ils j je l la le les leur leurs "
	       "lui m mais me même moi n ne nos notre nous on ont ou où par pas plus pour qu que qui s sa se ses si son sont "
	       "sous sur t tout un une vos votre vous y d'un d'une qu'il qu'elle c'est n'est après avant comme entre sans"},
	{"de", "aber als am an auch auf aus bei bis das dass dem den der des die doch ein eine einem einen einer eines er es "
	       "für haben hat ich ihr ihre im in ist kann man mehr mit nach nicht noch nur oder sein sich sie sind so über um "
	       "und unter vom von vor war was wenn werden wie wird wir wurde zu zum zur"},
	{"es", "a al ante como con cuando de del desde donde dos e el él ella en entre era es esta está este esto fue ha han "
	       "hasta hay la las le les lo los más me mi muy ni no nos o para pero por porque que qué se según ser si sin "
	       "sobre son su sus también te tras un una uno y ya"},
	{"pt", "a à ao aos após as às até com como da das de dele depois do dos e é ela ele em entre era essa esse esta está "
	       "este eu foi há já lhe mais mas me mesmo na nas não no nos o os ou para pela pelo por quando que quem se sem "
	       "ser seu sua são só também te tem um uma você"},
	{"it", "a ad ai al alla alle anche che chi ci come con cui da dal dalla dei del della delle di dopo e è ed era fra gli "
	       "ha hanno i il in io l la le lo loro ma mi nei nel nella no non o per più quando questa questo se senza si "
	       "solo sono su sua sul sulla suo tra tutti un una uno"},
	{"nl", "aan al als bij dan dat de deze die dit door een en er ging had heeft hem het hij hoe ik in is je kan maar meer "
	       "men met mijn na naar niet nog nu of om onder ook op over te tegen toch toen tot uit van veel voor was wat we "
	       "wel werd wie wordt worden ze zich zij zijn zo zou"},
	{"sv", "alla att av blir de den det då där efter eller en ett från för ha har hans hon inte in jag kan man med men mot "
	       "nu när och om på sedan sig sin som så till under upp ut var vara vi vid är över"},
	{"da", "af alle at blev da de den der deres det efter eller en er et for fra ham han har havde hun hvad hvor i ikke "
	       "ind jeg kan man med men mod nu når og også om op over på sig sin skal som så til ud under var ved vi vil være"},
	{"nb", "alle at av ble da de den der det du eller en er et etter for fra han har hun hva hvor i ikke jeg kan man med "
	       "men mot nå når og også om opp over på seg sin skal som så til ut under var ved vi vil være"},
	{"no", "alle at av ble da de den der det du eller en er et etter for fra han har hun hva hvor i ikke jeg kan man med "
	       "men mot nå når og også om opp over på seg sin skal som så til ut under var ved vi vil være"},
	{"fi", "ei että hän he ja jo joka jos kanssa kuin kun me mikä minä mutta myös ne niin nyt oli olla on ovat se sen siitä "
	       "sitä tai tämä tämän vain"},
	{"ru", "а без бы был была были было быть в вы где да для до его ее если есть еще же за и из или им их к как когда кто "
	       "ли мы на над не него нее но о об он она они от по под при с со так также то того только у уже чем что чтобы "
	       "это этого я"},
	{"pl", "a ale bez by był była było być co czy dla do gdy go i ich jak jako jego jej jest już który która które ma "
	       "może na nad nie o od oraz po pod przez przy się są tak także tego ten to tym w we z za ze że"},
	{"tr", "ama bir bu çok da daha de diye en gibi göre ha ile ise için kadar ki mi mı o olan olarak oldu olduğu sonra şu "
	       "ve veya ya"},
	{"ar", "أن أو إلى إن التي الذي الى او بعد بين حتى ذلك على عن عند في قال قبل قد كان كانت كل كما لا لم لن ما مع من هذا "
	       "هذه هو هي و وقد يوم"},
	{"id", "ada adalah akan atau bagi bahwa dalam dan dapat dari dengan di hari ini itu juga karena ke kepada mereka oleh "
	       "pada para saat sebagai sudah tahun telah tidak untuk yang"},
	{"sw", "alisema ambao ambaye baada cha hata hii hivyo huo huyo ili ingawa kama kati katika kila kuhusu kutoka kuwa kwa "
	       "kwamba la lakini na ndani ni pamoja pia sana si tu vya wa wake wakati wao ya yake yao za"},
	{"ha", "a an ba bayan ce ci cikin da dai don duk ga ita in ji ka kan kuma ko ma mai masu ne ni shi su ta ya yi wa "
	       "wani wannan wata za"},
	{"so", "ah ahaa ama ay ayaa ayuu ee iyo in inuu iyada isaga ka kale ku la leh mid oo oo si soo u uga uu waa waxa waxaa "
	       "waxay wuxuu"},
	{"af", "aan as by dat deur die dit een en én ek en gaan het hulle hy in is jaar kan maar met na nie nog nou of om ons "
	       "ook op sal sê sy te tot uit van vir was wat word"},
	{"xh", "abantu bonke emva emzantsi eyona kaloku kanti ke kodwa kuba kule kunye kwaye kwi la le lo nalapho ngaphandle ngelixa "
	       "ngoko ngokuba ngowe njengoko nje nto oku okanye okokuba ukuba ukuze uthe utsho wathi xa yaye yiyo yile"},
	{"zu", "abantu bese emva esikhathini eningizimu futhi kakhulu kanti kanye kepha kodwa kubalulekile kungenzeka la lapho le lo "
	       "manje ngaphambi ngemuva ngesikhathi ngoba njengoba noma okuthi uma ukuthi ukuze uthe yakhe yini"},
	{"yo", "a àti ati awọn àwọn bá bẹ bí fi fún fun gẹgẹ ìyẹn jẹ kan kí lati láti lọ mọ ń náà naa nígbà nínú ninu ni ní ó o pẹlu "
	       "pé pe rẹ sí sì si ṣe tí ti tó to tún wá wà wọn wọ́n wọ̀nyí yìí yóò"},
	{"ig", "a ahụ anyị bụ dị e ebe ga gị ha ihe ị ka kwuru maka ma na n ndị ndi nke nwere o ọ ọzọ onye otu site sị ya"},
	{"am", "ነው ላይ ውስጥ እና ግን ወደ ከ በ ነበር ናቸው እንደ ጋር ደግሞ ብለዋል"},
	{"th", "การ กับ ก็ ของ ขึ้น ความ คือ จะ จาก จึง ซึ่ง ด้วย ต้อง ตาม ถึง ทั้ง ที่ นั้น นี้ ใน แต่ ได้ โดย เป็น ไป ไม่ มา มี ยัง "
	       "ราย ละ และ แล้ว ว่า ส่วน สำหรับ หรือ ให้ อยู่ อย่าง อีก เพื่อ เมื่อ เข้า ออก ต่อ กว่า ขณะ ๆ"},
};

enum { N_LISTS = sizeof(lists) / sizeof(lists[0]), COUNTED_WORDS = 120 };
_Static_assert((int)N_LISTS <= (int)STOP_LISTS_MAX, "text.list_seeds");

uint64_t text_language_seed(struct span language)
{
	return hash_mix64(hash64(language));
}

static size_t find_slot(const uint64_t *set, size_t mask, uint64_t key)
{
	size_t i = key & mask;
	while (set[i] && set[i] != key)
		i = (i + 1) & mask;
	return i;
}

bool text_is_stop_word(const struct text *t, uint64_t key)
{
	return key && t->stop_words[find_slot(t->stop_words, t->stop_mask, key)] == key;
}

static void count_word(const struct text *t, struct span word, unsigned counts[N_LISTS])
{
	uint64_t hash = hash64(word);
	for (size_t l = 0; l < N_LISTS; l++)
		counts[l] += text_is_stop_word(t, hash ^ t->list_seeds[l]);
}

size_t text_count_stop_words(struct text *t, struct span valid, struct stop_count *out, size_t max, unsigned *n_words)
{
	unsigned counts[N_LISTS] = {0};
	struct buf word = {0};
	t->folded.len = 0;
	*n_words = 0;
	if (text_fold(t, valid, FOLD_FOR_WORDS, &t->folded) || u16_reserve(&t->folded, 1))
		return 0;
	t->folded.data[t->folded.len] = ' ';
	for (size_t i = 0, start = 0; i <= t->folded.len && *n_words < COUNTED_WORDS; i++) {
		UChar c = t->folded.data[i];
		if (u_isalpha(c) || (i > start && u_getCombiningClass(c)))
			continue;
		if (i > start) {
			buf_clear(&word);
			if (text_u16_to_utf8(t->folded.data + start, i - start, &word))
				break;
			count_word(t, buf_span(&word), counts);
			++*n_words;
		}
		start = i + 1;
	}
	buf_free(&word);
	size_t n = 0;
	for (size_t l = 0; l < N_LISTS && n < max; l++)
		if (counts[l] > 0 && strcmp(lists[l].language, "no") != 0)
			out[n++] = (struct stop_count){lists[l].language, counts[l]};
	return n;
}

int text_load_stop_words(struct text *t)
{
	enum { SLOTS = 4096 };
	t->stop_words = calloc(SLOTS, sizeof(*t->stop_words));
	if (!t->stop_words)
		return -ENOMEM;
	t->stop_mask = SLOTS - 1;
	for (size_t l = 0; l < N_LISTS; l++) {
		uint64_t seed = t->list_seeds[l] = text_language_seed(span_of(lists[l].language));
		for (const char *word = lists[l].words; *word;) {
			size_t n = strcspn(word, " ");
			/* The same folding that words get, so that the list may be written as people write. */
			t->folded.len = 0;
			if (text_fold(t, (struct span){word, n}, FOLD_FOR_WORDS, &t->folded))
				return -ENOMEM;
			struct buf utf8 = {0};
			if (text_u16_to_utf8(t->folded.data, t->folded.len, &utf8)) {
				buf_free(&utf8);
				return -ENOMEM;
			}
			uint64_t key = hash64(buf_span(&utf8)) ^ seed;
			buf_free(&utf8);
			t->stop_words[find_slot(t->stop_words, t->stop_mask, key)] = key;
			word += n + (word[n] == ' ');
		}
	}
	return 0;
}
