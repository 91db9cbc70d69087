#include "data/foreign_words.h"

#include <fmt/format.h>

#include <utility>

namespace sumi {
namespace {

/// One after another, each with a space before and behind it.
constexpr std::string_view kForeign =
    " "
    "abeille acciaio acqua acquila aerobica aglio agnellini al albero alerta alla ambulanza "
    "amibe anatra anelli antilope aquila arancione arancioni arbre arrotolata attenzione avec "
    "aviso avvolgibile bambina barattolo betoniera bianco biberon bibliografia bicicletta "
    "binocolo biologique bionda bitte blocco blu bobine borsa borsetta bottiglia brindis "
    "brozo bruna bussola calamita calcolatrice calebasse calzettoni camicia cammello candela "
    "candele cane canguro capitello carrabile carreau carriera carta cartella casa casinista "
    "cassa cavalletta cavallo cestino cesto charge chaussee chiave chimico cigno cinepresa "
    "ciuccio civetta civiere clessidra coccinella coccinellona colori comburant comune con "
    "condominio coniglio contorno corridore costruzione couronne cretina croche cronometro "
    "cucina cuore da dans das decorazione dei del della delle demolizione dentata dente der "
    "des di diagramma diamante die dinosauri dinosauro disquete doppia dottore e echelle "
    "egizio el elefante elefantone emergenza entree esame esperimento estendi estiva estrella "
    "et eteindre extincteur extremement fabbrica facilement farfalla farfalle fata fatina "
    "fattoria festoni finestra finestre fiocco fiore flamand flamme foglia foglie "
    "fonendoscopio forbici formichina formicona formulario francobollo frontale frullatore "
    "fumer gabbiano gallina gateau gatti gattina gatto generale geometrico ghiaccio ghirlande "
    "giallo giapponese giardinaggio glissante grattacieli grigi grigia grigio griglia "
    "grondaia gufo humain il imbianchino incazzato incinta insetto insieme interdite "
    "istogramma italienne keine ksiega la lampada lana las le lente les lettera libellula "
    "libellule libro liquido livella lo los lourde lucchetto lucertola lucertolona "
    "lucertolone lumaca lutte macchina mano mante mantide marroni martellare matita mattone "
    "medicina microscopio miele mit modanatura modanature montacarichi montagna moschito "
    "mostriciattolo motivo motosega moulure moulures mucca mucche municipios ne negozio nero "
    "neve nocif noi nonno nuage nucleare nue obligatoire olifant orme orso ottico ottone ours "
    "pacco padella paesaggio palloncini palloncino pane pansement papera pas passo pasteque "
    "pattinatrice pattinatrici pattino pecora pecorella peninsule penna pennello peperoncino "
    "per pesca pesce pescetto pesistica pezzata piche piedi pieds pieno pietons pillole "
    "pinguino pinzatrice piramide poltrona pomodori ppls principessa profilati profilato "
    "proiettore provetta provette pulsante punaisa puntine quattro que ragazza ragazzo "
    "ragnetto ragno ramarro ravanello rayonnement regalo religieuse religiosa respiratoires "
    "ridimensiona rigido rilievo rincage rossa rosso rotondo ruota salvagente sangue "
    "sanitaria sapin sapone sauvetage scatola scatolone schermo secours securite sedia seduta "
    "seduto semplice seta signorina simbolo singolo siringa sorridente sortie sovrapposte "
    "stambecco stampante stara stecchito stella stelle stemma stetoscopio stilizzata striscia "
    "struzzo subacqueo suivre sulla sur tacchino tante tasto tatuaggi tatuaggio tavola tavolo "
    "tavolozza tazza teiera telecamera telecomando telefono televisore teschio tete topo "
    "torta toucher tramezzino trattore trefle tueten uccello ufficio umano una und unita uno "
    "uomo uovo utensile utente utenti vacca valdostana valdostano valigie vehicules velocette "
    "verde vestito vino voies vuoto y yeux zanzara zucca ";

constexpr std::pair<std::string_view, std::string_view> kRepaired[] = {
    {"ballons", "balloons"},
    {"blowling", "bowling"},
    {"blueman", "blue stick figure"},
    {"bluewhale", "blue whale"},
    {"bussiness", "business"},
    {"cacuts", "cactus"},
    {"cfbulb", "light bulb"},
    {"coffe", "coffee"},
    {"floppydisk", "floppy disk"},
    {"flowerandpot", "flower and pot"},
    {"funnyflower", "funny flower"},
    {"icecube", "ice cube"},
    {"lightbulb", "light bulb"},
    {"magnifing", "magnifying"},
    {"minitower", "computer tower"},
    {"palmtree", "palm tree"},
    {"paperbag", "paper bag"},
    {"piggybank", "piggy bank"},
    {"redcar", "red car"},
    {"signalflag", "signal flag"},
    {"softdrink", "soft drink"},
    {"southen", "southern"},
    {"sportcar", "sports car"},
    {"sqaure", "square"},
    {"stappler", "stapler"},
    {"teddybear", "teddy bear"},
    {"trashcan", "trash can"},
    {"vavuum", "vacuum"},
    {"volleball", "volleyball"}};

}  // namespace

bool is_foreign_word(std::string_view word) {
  return kForeign.find(fmt::format(" {} ", word)) != kForeign.npos;
}

std::string_view repaired_word(std::string_view word) {
  for (const auto& [written, meant] : kRepaired)
    if (word == written) return meant;
  return word;
}

}  // namespace sumi
