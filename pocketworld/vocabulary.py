"""The words that the drawn world knows, and the exact RGB of every colour word."""

PEOPLE = ("girl", "boy", "woman", "man")
CREATURES = ("cat", "rabbit", "robot", "alien")
NOUNS = PEOPLE + CREATURES
OBJECTS = ("cup", "teapot", "backpack", "lamp")

HAIR = ("short", "long", "spiky", "bun", "ponytail", "bald")
HAIR_COLOURS = {
    "black": (35, 30, 32),
    "brown": (105, 62, 30),
    "blonde": (240, 205, 100),
    "red": (196, 62, 30),
    "blue": (60, 110, 225),
    "pink": (245, 120, 180),
    "green": (60, 170, 80),
    "white": (235, 235, 240),
}
SKINS = {"pale": (252, 224, 200), "tan": (225, 172, 125), "dark": (135, 85, 55)}

TOPS = ("t-shirt", "jacket", "dress", "hoodie", "striped shirt", "sweater")
BOTTOMS = ("pants", "shorts", "skirt")
ACCESSORIES = ("none", "hat", "glasses", "scarf", "umbrella", "crown")
COLOURED_ACCESSORIES = ("hat", "scarf", "umbrella")
GARMENT_COLOURS = {
    "red": (214, 48, 49),
    "blue": (45, 98, 214),
    "green": (46, 160, 67),
    "yellow": (245, 205, 47),
    "purple": (142, 68, 190),
    "orange": (240, 130, 35),
    "white": (244, 244, 244),
    "black": (38, 38, 44),
    "pink": (245, 130, 185),
    "brown": (130, 80, 45),
    "grey": (145, 150, 158),
    "teal": (25, 160, 160),
}
SHOES = ("black", "brown", "white", "red")

FURS = {
    "cat": ("grey", "orange", "white", "brown", "black"),
    "rabbit": ("grey", "white", "brown", "pink"),
    "robot": ("grey", "blue", "yellow", "red"),
    "alien": ("green",),
}
ALIEN_GREEN = (130, 205, 110)  # lighter than the garments' green, so that a face stays readable

EXPRESSIONS = ("smiling", "sad", "surprised", "angry")
POSES = ("standing", "waving", "arms raised", "walking", "hands on hips")
SCENES = ("beach", "forest", "street at night", "kitchen", "snow", "desert", "park", "plain")
FRAMINGS = ("full figure", "portrait", "from the side", "from behind")

# Each the name of one character, always the same: made up, no words of any prompt, no identifiers of later subjects.
NAMES = tuple(
    "zudir pobu gubur zeko parir zedur tarar gosul vinul ligek vedun bavur vilir nuvo zakok sabik vifel mukem "
    "mukon fege nufin bemun rulek zural zumol bufu lubam gumek dazol noka ditil zepa pifu vukak piser labil "
    "ketun denen gorum bosim venel vidol sifur fabar temem kugun kume pozu zover befel supul vapa gibar nubal "
    "ginur vopek nidel desim kenek zefor lunok bolur gadin bekem kavel dibam poku fibe nusen laka buper zosor "
    "zopik gelem zebak dozuk nefil lebi gepa kafor sedur zesul zusok tufum puzam mopak busel pudu tokam nivar "
    "lisir gokun kodul lerun digol mafal somik dibim lodek mozu".split()
)

# Kept out of all training of the base, so that a subject has something to teach.
UNSEEN_NOUNS = ("fox",)
UNSEEN_HAIR = ("mohawk",)
EMBLEMS = {"star": (250, 215, 60), "heart": (235, 60, 90), "bolt": (250, 215, 60)}


def fur_colour(noun: str, fur: str) -> tuple[int, int, int]:
    """RGB of a creature's fur or body."""
    return ALIEN_GREEN if (noun, fur) == ("alien", "green") else GARMENT_COLOURS[fur]
