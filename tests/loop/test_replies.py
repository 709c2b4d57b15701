"""What texts mean. The tables are the specification; the words in them are written as people's thumbs write."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.i18n import LANGUAGES
from app.loop.meanings import Kind, Meaning
from app.loop.replies import interpret
from app.loop.spelling import bare, fold, plain
from app.loop.vocabulary import WORDS, Review

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "keywords.json"

# Who speaks the language, and what they may write for each meaning.
# fmt: off
SAID: dict[str, dict[str, list[str]]] = {
    "en": {
        "option:1": ["1", " 1 ", "1.", "1!", "(1)", "#1", "“1”", "1 please", "1, thanks", "Hi, 1", "One.", "1️⃣", "1 👍"],
        "option:2": ["2", "two", "2)", "\ufeff2", "2\u200b", "\u202e2\u202c"],
        "option:6": ["6", "six"],
        "yes": ["Yes", "yes!!", "YES PLEASE", "Yes, please.", "yeah", "yup", "I did", "yesssss", "yes yes", "Y",
                "✅", "✔️"],
        "no": ["No", "NOPE", "not yet", "No, thank you!", "didn’t", "I did not", "nooo", "n", "❌", "🙅🏽"],
        "stop": ["Stop", "STOP.", "stop!!!", "S T O P", "s.t.o.p", "ＳＴＯＰ", "ⓢⓣⓞⓟ", "S\u200bTOP", "STOP STOP",
                 "stopppp",
                 "Stop please", "please stop", "UNSUBSCRIBE", "opt-out", "Cancel", "END", "quit", "Don't text me",
                 "DONT TEXT ME", "leave me alone", "stpo", "🛑", "⛔⛔", "No more texts, please",
                 "Can you quit sending me this", "I told you never message me", "remove me from your list now",
                 "why did you not unsubscribe me", "take this number off and do not contact me again"],
        "help": ["HELP", "help!", "Info", "?", "???", "🆘", "help me please"],
        "start": ["START", "unstop", "resume"],
        "status": ["Status?", "any news"],
        "language": ["LANG", "language", "Spanish", "Español", "中文", "tiếng việt", "हिंदी", "kreyòl",
                     "Soomaali", "hindi"],
        "human": ["call me", "Can you call me?", "talk to a person", "agent"],
        "wrong_number": ["Wrong number", "you have the wrong number", "who is this?"],
        "urgent": ["911", "he hit me", "My husband hit me again last night", "I want to kill myself",
                   "i dont feel safe",
                   "I’m in danger", "she is threatening my kids"],
        "ack": ["ok", "OK!", "thanks", "Thank you so much", "k", "👍", "👍🏿👍🏿", "🙏", "❤️", "<3", "got it"],
        "reaction": ["Liked “Reply 1 when you got help, 2 if not yet”", "Loved an image", "Disliked “Reply STOP”",
                     "Reacted 😂 to “Your request”", "Removed a heart from “Your request”", "👍 to “Reply 1”",
                     "Removed 👍 from “Reply 1”", "🤷", "😢", "👎", ":3"],
        "auto_reply": ["I'm driving. I'll call you later", "Auto-reply: I am away", "This is an automated response",
                       "Out of office until Monday", "I have notifications silenced."],
        "empty": ["", " ", "\n", "\u200b", "\u200f", "\x00"],
        "free_text": ["11", "12", "1 2", "1 or 2?", "1,2", "1/2", "½", "0", "111", "I got 1 box", "1 nobody opened",
                      "I want it to stop raining", "when does it end?", "no one called", "yes but not all of it",
                      "ok but when", "yes ❌", "no ✅", "1 ❌", "…", "!!!", "o", "t", "TD", "fin", "para", "h",
                      "ne", "hal",
                      "dos", "si", "dung", "Maya", "Vang", "Han", "Huy, 2nd floor", "please do not stop texting me",
                      "they never contact me", "they don’t text me back", "I got no more messages from them",
                      "I was at the bus stop, text me", "he won’t leave me alone at work", "She hit me up for cash",
                      "I'm driving to the pantry now", "They said she is out of office", "I need emergency food",
                      "They said “come back tomorrow”", "Went to “Eastside Pantry”", "cancel my ride", "9 9", "ha ha"],
    },
    "es": {
        "option:1": ["1", "1 por favor", "Uno", "una", "one"],
        "option:2": ["dos!", "2."],
        "yes": ["Sí", "SI", "si\u0301", "Sí, gracias", "claro que si", "ya recibi", "¡Sí!", "por supuesto", "s", "yes"],
        "no": ["No", "todavia no", "Todavía no.", "aún no", "AUN NO", "no gracias", "no he recibido ayuda", "n"],
        "stop": ["PARAR", "Para", "alto", "BAJA", "no mas", "No más mensajes", "quitenme", "cancelar", "STOP",
                 "ya no me manden textos por favor", "dejen de escribirme", "no quiero recibir mensajes",
                 "basta", "ARRET"],
        "help": ["ayuda", "¡AYUDA!", "información", "alluda", "help"],
        "start": ["empezar", "START", "reanudar"],
        "status": ["estado", "¿Cómo va?", "mi caso"],
        "language": ["idioma", "inglés", "INGLES", "English", "한국어"],
        "human": ["llámenme", "Llamame por favor", "quiero hablar con alguien"],
        "wrong_number": ["numero equivocado", "Número equivocado.", "no soy yo", "¿Quién es?"],
        "urgent": ["me golpea", "quiero morirme", "Mi esposo me pegó anoche", "emergencia", "estoy en peligro"],
        "ack": ["gracias", "Muchas gracias", "ok", "vale", "👍"],
        "reaction": ["Le gustó “Responda 1 si recibió ayuda”", "Le encantó “Su solicitud”",
                     "Reaccionó con 👍 a “Responda 1”"],
        "auto_reply": ["Respuesta automática: no estoy", "Estoy conduciendo, te llamo luego"],
        "free_text": ["para comida", "1 nadie abrió la puerta", "necesito ayuda con la luz", "ya", "fin", "k", "o",
                      "si me ayudan mañana", "no sé", "voy conduciendo para la despensa"],
    },
    "zh-Hans": {
        "option:1": ["１", "一", "①", "1。", "壹", "请1"],
        "option:2": ["二", "两", "２。"],
        "yes": ["是", "是的！", "有", "好的", "得到了", "有的，谢谢"],
        "no": ["没有", "还没有。", "否", "不是", "没", "不用，谢谢"],
        "stop": ["停止", "退订", "TD", "t", "取消", "请不要再发短信了", "别再发了", "我不想再收到这些短信", "退訂"],
        "maybe_stop": ["不要"],
        "help": ["帮助", "求助", "HELP"],
        "start": ["开始", "恢复"],
        "status": ["进度", "状态？"],
        "language": ["语言", "中文", "English", "繁體中文"],
        "human": ["人工", "请打给我", "客服"],
        "wrong_number": ["打错了", "你是谁？"],
        "urgent": ["自杀", "我想自杀", "救命", "他打我了"],
        "ack": ["谢谢", "收到", "知道了", "嗯"],
        "free_text": ["请打我电话", "我收到了一箱食物", "十一", "一二"],
    },
    "zh-Hant": {
        "option:1": ["一", "１"],
        "option:3": ["三", "參", "三！"],
        "yes": ["是", "係", "有呀", "對", "好的"],
        "no": ["沒有", "冇", "唔係", "未有", "还没有"],
        "stop": ["停止", "退訂", "唔好再send", "不要再發簡訊給我", "停止发送"],
        "maybe_stop": ["不要"],
        "help": ["幫助", "幫手"],
        "language": ["語言", "廣東話", "中文"],
        "human": ["打電話", "聯絡我"],
        "wrong_number": ["打錯電話", "你係邊個"],
        "urgent": ["自殺", "佢打我", "我唔想生，想死"],
        "ack": ["多謝", "唔該", "收到"],
    },
    "vi": {
        "option:1": ["1", "Một", "mot"],
        "option:2": ["hai", "2 ạ"],
        "yes": ["có", "Có ạ", "vâng", "VANG", "đúng", "đúng rồi", "dạ có", "co", "c", "rồi"],
        "no": ["không", "Khong", "ko", "K", "chưa", "chua co", "dạ chưa", "không, cảm ơn"],
        "stop": ["dừng", "DỪNG LẠI", "ngừng", "hủy", "huỷ", "huy", "thoi", "Đừng nhắn tin cho tôi nữa",
                 "dung gui tin nua", "STOP"],
        "maybe_stop": ["dung", "DUNG", "đừng"],
        "help": ["giúp", "giup toi", "trợ giúp"],
        "language": ["ngôn ngữ", "tieng viet", "English"],
        "human": ["gọi cho tôi", "nhan vien"],
        "wrong_number": ["nhầm số", "sai so", "ai vậy?"],
        "urgent": ["tự tử", "cấp cứu", "chồng đánh tôi"],
        "ack": ["cảm ơn", "cam on", "được", "ok"],
        "free_text": ["dung gio chieu nay", "tôi có một câu hỏi", "từ từ", "o"],
    },
    "ko": {
        "option:1": ["하나", "일", "1", "\u1112\u1161\u1102\u1161"],
        "option:2": ["둘", "이"],
        "yes": ["네", "예", "ㅇㅇ", "넵", "네네", "\u1102\u1166", "받았어요"],
        "no": ["아니요", "아뇨", "ㄴㄴ", "아직", "못 받았어요", "아직이요."],
        "stop": ["그만", "중지", "수신거부", "수신 거부", "문자 보내지 마세요", "ㄴ새ㅔ", "스톱",
                 "다시는 연락하지 마세요"],
        "help": ["도움", "도움말", "도와주세요"],
        "status": ["상태", "진행 상황"],
        "language": ["한국어", "언어", "English"],
        "human": ["상담원", "전화해 주세요"],
        "wrong_number": ["잘못된 번호", "누구세요?"],
        "urgent": ["자살", "살려주세요", "남편이 때려요", "죽고 싶어요"],
        "ack": ["감사합니다", "알겠습니다", "고마워요", "네, 감사합니다"],
        "free_text": ["ne", "네가 누구야", "일이 많아요"],
    },
    "tl": {
        "option:1": ["isa", "Isa po", "1 po", "uno"],
        "option:3": ["tatlo", "tres"],
        "yes": ["oo", "Opo", "oo po", "meron na", "tama", "TAMA PO", "o"],
        "no": ["hindi", "HINDI PA", "wala pa po", "di pa", "hindi po, salamat"],
        "stop": ["tigil", "tama na", "Tama na po", "para", "ayoko na", "huwag na", "wag na po kayong mag-text",
                 "STOP PO"],
        "help": ["tulong", "help po"],
        "language": ["wika", "tagalog", "English"],
        "human": ["tawagan mo ako", "tawag"],
        "wrong_number": ["maling numero", "sino ito?"],
        "urgent": ["saklolo", "sinasaktan ako", "gusto ko nang mamatay"],
        "ack": ["salamat", "sige po", "ok po"],
        "free_text": ["pare", "basta", "may tanong ako", "h"],
    },
    "ru": {
        "option:1": ["один", "1", "Раз"],
        "option:2": ["два", "две"],
        "yes": ["да", "ДА!", "Да, спасибо", "ага", "конечно", "д", "da"],
        "no": ["нет", "Нет.", "ещё нет", "еще нет", "пока нет", "не", "н", "net"],
        "stop": ["стоп", "СТОП", "CTOП", "СТОP", "CTOP", "ыещз", "cnjg", "отписаться", "хватит", "отмена", "Oтмена",
                 "больше не пишите мне", "Перестаньте слать смс", "конец"],
        "help": ["помощь", "помогите", "справка"],
        "status": ["статус", "моя заявка"],
        "language": ["язык", "русский", "по-русски", "английский"],
        "human": ["позвоните мне", "оператор"],
        "wrong_number": ["не тот номер", "вы ошиблись номером", "кто это?"],
        "urgent": ["спасите", "муж меня бьёт", "он бьет меня", "не хочу жить", "самоубийство"],
        "ack": ["спасибо", "хорошо", "ок", "понятно"],
        "free_text": ["не беспокойтесь, всё хорошо", "мне дали 1 пакет", "да нет наверное", "ne"],
    },
    "ar": {
        "option:1": ["١", "\u200f١\u200f", "\u2067١\u2069", "واحد", "1"],
        "option:2": ["٢", "۲", "اثنين", "٢."],
        "yes": ["نعم", "نعـــم", "نَعَم", "أيوه", "ايوه", "إيه", "اي", "na3am", "نعم، شكرا", "yes"],
        "no": ["لا", "لأ", "لا!", "ليس بعد", "لسه", "كلا", "لا شكرا"],
        "stop": ["توقف", "إلغاء", "الغاء", "إيقاف", "ايقاف", "لا ترسل", "لا ترسلوا لي رسائل", "خلاص", "سفخح", "قف"],
        "help": ["مساعدة", "مساعده", "ساعدوني"],
        "status": ["حالة الطلب", "الحاله"],
        "language": ["عربي", "اللغة", "انجليزي"],
        "human": ["اتصل بي", "موظف"],
        "wrong_number": ["رقم خطأ", "الرقم غلط", "مين؟"],
        "urgent": ["النجدة", "زوجي يضربني كل يوم", "انتحار", "انا في خطر"],
        "ack": ["شكرا", "تمام", "طيب"],
        "free_text": ["بس", "استلمت ١ صندوق", "١ او ٢؟", "١١"],
    },
    "ht": {
        "option:1": ["youn", "1", "en"],
        "option:3": ["twa"],
        "yes": ["wi", "WI!", "w", "wi mèsi", "oui", "mwen jwenn"],
        "no": ["non", "poko", "pa ko", "Non, mèsi", "mwen poko jwenn"],
        "stop": ["sispann", "kanpe", "arete", "arèt", "pa voye mesaj ankò", "Pa voye m mesaj ankò", "ase"],
        "help": ["èd", "ed", "ede m", "ÈD"],
        "language": ["lang", "kreyòl", "kreyol ayisyen", "français"],
        "human": ["rele m", "pale ak moun"],
        "wrong_number": ["move nimewo", "ki moun sa?"],
        "urgent": ["anmwe", "li bat mwen", "Mari m ap bat mwen", "mwen vle mouri"],
        "ack": ["mèsi", "mesi anpil", "dakò", "oke"],
        "free_text": ["mwen bezwen 1 kabann", "o", "si"],
    },
    "fr": {
        "option:1": ["un", "1 s'il vous plaît", "1 svp"],
        "option:2": ["deux", "Deux."],
        "yes": ["oui", "Oui !", "ouais", "bien sur", "o", "oui merci"],
        "no": ["non", "Pas encore", "non merci", "nan", "n"],
        "stop": ["ARRÊT", "arret", "arre\u0302t", "arrêtez", "fin", "désabonner", "desabonnement",
                 "Plus de messages svp",
                 "Ne m’envoyez plus rien", "Arrêtez de m’écrire"],
        "help": ["aide", "AIDE", "aidez-moi", "aidez moi"],
        "status": ["état", "ma demande", "suivi"],
        "language": ["langue", "français", "anglais"],
        "human": ["appelez-moi", "appelez moi svp", "je veux parler à quelqu’un"],
        "wrong_number": ["mauvais numéro", "ce n’est pas moi", "c'est qui ?"],
        "urgent": ["au secours", "il me frappe", "je veux mourir", "Mon mari m’a frappée, je suis en danger"],
        "ack": ["merci", "d’accord", "bien reçu", "ok"],
        "reaction": ["A aimé « Répondez 1 si vous avez reçu de l’aide »"],
        "free_text": ["la fin du mois", "j'ai reçu 1 colis", "para"],
    },
    "pt": {
        "option:1": ["um", "uma", "1 por favor"],
        "option:3": ["três", "tres"],
        "yes": ["sim", "Sim!", "s", "sim, obrigada", "já recebi", "claro"],
        "no": ["não", "nao", "NÃO", "ainda não", "ainda nao recebi", "não, obrigado", "nn"],
        "stop": ["parar", "pare", "para", "sair", "SAIR", "cancelar", "não me mande mais mensagens",
                 "Nao me enviem nada", "chega", "me tire da lista"],
        "help": ["ajuda", "AJUDA!", "me ajuda"],
        "status": ["andamento", "meu pedido"],
        "language": ["língua", "português", "espanhol", "inglês"],
        "human": ["me liga", "quero falar com uma pessoa"],
        "wrong_number": ["número errado", "não sou eu", "quem é?"],
        "urgent": ["socorro", "ele me bateu ontem", "quero morrer"],
        "ack": ["obrigado", "valeu", "tá bom", "ta bom"],
        "reaction": ["Curtiu “Responda 1”"],
        "free_text": ["kkk", "k", "para mim", "não sei"],
    },
    "so": {
        "option:1": ["hal", "kow", "1 fadlan"],
        "option:2": ["laba"],
        "yes": ["haa", "HAA!", "haye", "haa mahadsanid", "waan helay"],
        "no": ["maya", "Maya.", "may", "weli maya", "ma helin"],
        "stop": ["jooji", "joogso", "iga jooji", "ha ii soo dirin fariimo", "STOP"],
        "help": ["caawin", "caawimo"],
        "language": ["luqad", "af soomaali", "English"],
        "human": ["i soo wac", "qof"],
        "wrong_number": ["lambar khaldan", "waa kuma?"],
        "urgent": ["gargaar degdeg ah", "ninkaygu wuu i garaacaa", "is dil"],
        "ack": ["mahadsanid", "hagaag"],
        "free_text": ["h", "hal sanduuq", "mid kale ma jirtaa"],
    },
    "hmn": {
        "option:1": ["ib", "1 thov"],
        "option:3": ["peb"],
        "yes": ["yog", "tau lawm", "muaj", "yog lawm, ua tsaug"],
        "no": ["tsis", "tsis yog", "Tsis tau", "tseem tsis tau", "tsis muaj"],
        "stop": ["nres", "tsum", "tsis xav tau", "tsis xav tau ntxiv", "thov txhob xa ntawv tuaj ntxiv"],
        "help": ["pab", "pab kuv"],
        "language": ["hmoob", "hom lus", "lus askiv"],
        "human": ["hu rau kuv", "neeg"],
        "wrong_number": ["yuam kev", "tsis yog kuv", "leej twg?"],
        "urgent": ["xwm ceev", "nws ntaus kuv", "kuv xav tuag"],
        "ack": ["ua tsaug", "zoo"],
        "free_text": ["yos", "kuv tau ib lub thawv"],
    },
    "hi": {
        "option:1": ["१", "एक", "1 कृपया"],
        "option:2": ["२", "दो"],
        "yes": ["हाँ", "हां", "जी हाँ", "मिल गया", "haan", "han", "Ji haan", "हाँ जी, धन्यवाद"],
        "no": ["नहीं", "नही", "अभी नहीं", "जी नहीं", "nahi", "Nahin"],
        "stop": ["बंद करो", "रोको", "मत भेजो", "मुझे मैसेज मत भेजो", "band karo", "नहीं चाहिए", "स्टॉप"],
        "help": ["मदद", "सहायता", "madad"],
        "status": ["स्थिति"],
        "language": ["भाषा", "हिंदी", "हिन्दी", "hindi", "अंग्रेज़ी"],
        "human": ["कॉल करें", "phone karo"],
        "wrong_number": ["गलत नंबर", "ग़लत नंबर", "कौन है?"],
        "urgent": ["आत्महत्या", "पति मुझे मारता है", "बचाओ"],
        "ack": ["धन्यवाद", "ठीक है", "shukriya"],
        "free_text": ["१ डिब्बा मिला", "नहीं पता", "h"],
    },
}
# fmt: on
ROWS = [(code, text, said) for code, meanings in SAID.items() for said, texts in meanings.items() for text in texts]

# When nobody knows which language somebody speaks.
UNKNOWN = [
    ("STOP", "stop"), ("parar", "stop"), ("توقف", "stop"), ("停止", "stop"), ("oui", "yes"), ("네", "yes"),
    ("sim", "yes"),
    ("non", "no"), ("нет", "no"), ("no", "no"), ("si", "free_text"), ("da", "free_text"), ("k", "free_text"),
    ("dung", "maybe_stop"), ("hindi", "language"), ("para", "free_text"), ("1", "option:1"), ("one", "option:1"),
    ("uno", "free_text"), ("maya", "free_text"), ("numero equivocado", "wrong_number"), ("ajuda", "help"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "said"), ROWS)
def test_what_a_reply_means(language: str, text: str, said: str) -> None:
    assert str(interpret(text, language)) == said


@pytest.mark.parametrize(("text", "said"), UNKNOWN)
def test_what_it_means_from_somebody_whose_language_nobody_knows(text: str, said: str) -> None:
    assert str(interpret(text, None)) == said


def test_every_language_of_our_texts_can_be_answered_in() -> None:
    assert set(SAID) == set(LANGUAGES) == set(WORDS.reviews)


# Digits

DIGITS = ["１", "١", "۱", "१", "১", "૧", "੧", "១", "၁", "໑", "๑", "¹", "①", "❶", "⑴", "𝟏", "1️⃣", "༡", "᱑", "𞥑"]


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("around", ["{}", " {}. ", "({})", "{}\u200f", "{}!", "“{}”"])
def test_case_18_a_digit_of_any_script_is_the_digit(digit: str, around: str) -> None:
    assert interpret(around.format(digit), "en") == Meaning(Kind.OPTION, 1)


@pytest.mark.parametrize("digit", DIGITS)
def test_case_18_two_digits_are_a_question_for_a_person(digit: str) -> None:
    assert interpret(digit * 2, "en").kind is Kind.FREE_TEXT
    assert interpret(f"I got {digit} box", "en").kind is Kind.FREE_TEXT


# The carrier


@pytest.mark.parametrize(
    ("carrier", "text", "said"),
    [
        ("STOP", "1", "stop"),
        ("START", "1", "start"),
        ("HELP", "1", "help"),
        ("", "1", "option:1"),
        ("START", "YES", "yes"),
    ],
)
def test_what_the_carrier_has_acted_on_decides_but_yes_never_starts(carrier: str, text: str, said: str) -> None:
    assert str(interpret(text, "en", opt_out_type=carrier)) == said


# Languages that are not the sender's


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("es", "네", "ko"), ("en", "sí", "es"), ("ko", "sim", "pt"), ("vi", "да", "ru"), ("es", "是", "zh-Hans"),
        ("es", "tulong", "tl"), ("es", "nope", "en"),
        ("es", "yes", None), ("es", "help", None), ("es", "ok", None), ("es", "oui", None), ("es", "sí", None),
        ("zh-Hant", "还没有", None), ("es", "1", None),
    ],
)  # fmt: skip
def test_case_17_a_reply_in_another_language_says_in_which(language: str, text: str, spoken: str | None) -> None:
    assert interpret(text, language).spoken == spoken


NAMED = [
    ("English", "es", "en"), ("INGLES", "es", "en"), ("español", "en", "es"), ("Tiếng Việt", "en", "vi"),
    ("tieng viet", "en", "vi"), ("русский", "en", "ru"), ("kreyol", "fr", "ht"), ("中文", "en", "zh-Hans"),
    ("中文", "zh-Hant", "zh-Hant"), ("粵語", "en", "zh-Hant"), ("hindi", "en", "hi"), ("language", "en", None),
    ("idioma", "es", None), ("IDIOMA", "en", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "language", "named"), NAMED)
def test_which_language_is_asked_for(text: str, language: str, named: str | None) -> None:
    assert interpret(text, language) == Meaning(Kind.LANGUAGE, language=named)


def test_hindi_is_no_from_somebody_who_speaks_tagalog() -> None:
    assert interpret("hindi", "tl").kind is Kind.NO


EVERY_LANGUAGE = [None, *LANGUAGES]
OPPOSITES = {Kind.YES, Kind.NO, Kind.STOP, Kind.MAYBE_STOP}
OPPOSED = sorted(
    (word, code, sense.kind)
    for word, senses in WORDS.exact.items()
    for code, sense in senses.items()
    if sense.kind in OPPOSITES
)


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_no_word_of_any_language_turns_into_its_opposite_in_another(language: str | None) -> None:
    turned = {
        (word, kind, interpret(form, language).kind)
        for word, _code, kind in OPPOSED
        for form in (word, plain(word), word.upper())
        if interpret(form, language).kind in OPPOSITES - {kind}
    }
    # Without its marks “yes” may be “stop”, and is taken for that rather than the other way round.
    assert turned <= {("đúng", Kind.YES, Kind.MAYBE_STOP), ("dừng", Kind.STOP, Kind.MAYBE_STOP)}


def test_k_is_ok_in_english_and_no_in_vietnamese_and_nothing_elsewhere() -> None:
    read = {language: interpret("K", language).kind for language in EVERY_LANGUAGE}
    assert (read.pop("en"), read.pop("vi")) == (Kind.ACK, Kind.NO)
    assert set(read.values()) == {Kind.FREE_TEXT}


# What is heard inside a longer text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("he hit me. STOP", "urgent"), ("STOP he hit me", "urgent"), ("he hit me, stop texting me", "stop"),
        ("me golpea, no me manden mensajes", "stop"), ("quiero morirme. ALTO", "urgent"),
    ],
)  # fmt: skip
def test_case_32_a_cry_for_help_may_also_want_no_more_texts(text: str, said: str) -> None:
    meaning = interpret(text, "en")
    assert (str(meaning), meaning.urgent, meaning.stops) == (said, True, True)


@pytest.mark.parametrize("text", ["he hit me and he wont stop", "I told him to stop he hit me", "he hit me"])
def test_case_32_a_cry_for_help_that_wants_nothing_else(text: str) -> None:
    meaning = interpret(text, "en")
    assert (meaning.kind, meaning.urgent, meaning.stops) == (Kind.URGENT, True, False)


def test_what_a_phone_wrote_by_itself_is_never_a_cry_for_help() -> None:
    assert interpret("Liked “If you are in danger call 911. STOP”", "en") == Meaning(Kind.REACTION)


def test_who_is_this_may_be_asked_by_the_right_person() -> None:
    assert interpret("who is this?", "en") == Meaning(Kind.WRONG_NUMBER, asks_who=True)
    assert interpret("wrong number", "en") == Meaning(Kind.WRONG_NUMBER)


# Any text at all

anything = st.text(st.characters(), max_size=80)
pieces = st.lists(st.sampled_from([text for _code, text, _said in ROWS]) | anything, max_size=3).map(" ".join)
languages = st.sampled_from(EVERY_LANGUAGE)


@given(pieces, languages)
@example("\ud83d", "en")
@example("İ\u0307", "en")
@example("e\u200d\u0301", "fr")
def test_no_text_is_too_strange_and_folding_changes_nothing(text: str, language: str | None) -> None:
    meaning = interpret(text, language)
    assert fold(fold(text)) == fold(text)
    assert interpret(fold(text), language) == meaning
    assert bare(bare(fold(text))) == bare(fold(text))
    assert (meaning.option is not None) == (meaning.kind is Kind.OPTION)


@given(st.sampled_from(ROWS), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_how_letters_are_composed_does_not_matter(row: tuple[str, str, str], form: Any) -> None:
    language, text, said = row
    assert str(interpret(unicodedata.normalize(form, text), language)) == said


@given(
    st.sampled_from([row for row in ROWS if row[2] not in {"free_text", "empty"}]), st.sampled_from(" \u00a0\u3000\n\t")
)
def test_space_around_it_does_not_matter(row: tuple[str, str, str], space: str) -> None:
    language, text, said = row
    assert str(interpret(f"{space}{text}{space}", language)) == said


@given(st.integers(min_value=10, max_value=10**9))
def test_a_longer_number_is_no_answer(number: int) -> None:
    said = interpret(str(number), "en").kind
    assert said is (Kind.URGENT if number == 911 else Kind.FREE_TEXT)


# The data


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_word_of_a_language_is_read_as_what_it_is_listed_as(code: str) -> None:
    for word, senses in WORDS.exact.items():
        if code in senses and word not in WORDS.doubts:
            assert str(interpret(word, code)) == str(senses[code]), word


def test_until_a_native_speaker_has_read_them_the_words_are_drafts() -> None:
    assert set(WORDS.reviews.values()) == {Review(by=None, on=None)}


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference vectors are not part of the product")
def test_the_reference_vectors() -> None:
    wrong = [
        (vector, said)
        for vector in json.loads(REFERENCE.read_text(encoding="utf-8"))["test_vectors"]
        if (said := str(interpret(vector["text"], vector["language"]))) != vector["expect"]
    ]
    assert wrong == []
