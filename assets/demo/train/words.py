"""The words and facts that the generators draw from."""


def _pairs(text):
    words = text.split()
    return {x: y for a, b in zip(words[::2], words[1::2]) for x, y in ((a, b), (b, a))}


BOT = "Pip"  # what the model calls itself

NAMES = """Tom Mia Ben Lily Sam Anna Max Sue Tim Lucy Jack Zoe Leo Ella Bob Amy Dan Ruby Finn Rose
Kai Nora Ali Maya Omar Lena Ravi Tara Hugo Ivy Noah Mina Eli Jade Alex Cleo Theo Vera Liam June
Pablo Sara Yuki Hana Kofi Ada Felix Iris Oscar Pia Timmy Sarah Jane Emma John Mary Billy Jenny
Peter Lila Molly Anton Rosa Fred Kate Nick Ola Marco Elsa Paul Grace Simon Lola Adam Ines""".split()
GIRLS = set("""Mia Lily Anna Sue Lucy Zoe Ella Amy Ruby Rose Nora Maya Lena Tara Ivy Mina Jade Cleo
Vera June Sara Yuki Hana Ada Iris Pia Sarah Jane Emma Mary Jenny Lila Molly Rosa Kate Ola Elsa
Grace Lola Ines""".split())
OBJECTS = """ball book hat cup kite apple drum ring shell coin lamp map pen bell box cake flower
leaf stone rope toy doll key spoon basket letter pear button feather candle crayon balloon blanket bucket
cookie carrot chair table shoe sock bag brush clock plate bottle pillow ladder puzzle robot truck
""".split()
PLACES = """park garden kitchen school forest beach farm shop library river bedroom barn market zoo
castle hall""".split()
PAINTS = "red blue green yellow pink purple orange brown black white".split()
LIKES = """apples pears plums grapes cakes pies nuts figs beans peas carrots cookies books songs
games trains stars boats dogs cats birds fish bees horses""".split()
SYLLABLES = [c + v for c in "b d f g k l m n p r s t v z".split() for v in "a e i o u".split()]

SOUNDS = {"dog": "woof", "cat": "meow", "cow": "moo", "duck": "quack", "sheep": "baa",
          "pig": "oink", "lion": "roar", "owl": "hoot", "frog": "ribbit", "bee": "buzz",
          "snake": "hiss", "horse": "neigh", "rooster": "cock-a-doodle-doo", "mouse": "squeak"}
YOUNG = {"dog": "puppy", "cat": "kitten", "cow": "calf", "duck": "duckling", "sheep": "lamb",
         "pig": "piglet", "lion": "cub", "horse": "foal", "frog": "tadpole", "bear": "cub",
         "hen": "chick", "goat": "kid", "deer": "fawn", "kangaroo": "joey"}
COLOURS = {"grass": "green", "the sky": "blue", "snow": "white", "a banana": "yellow",
           "a strawberry": "red", "an orange": "orange", "coal": "black", "milk": "white",
           "a lemon": "yellow", "a frog": "green", "the sun": "yellow", "a tomato": "red",
           "chocolate": "brown", "a carrot": "orange", "a pig": "pink", "the night": "black",
           "a plum": "purple", "a cloud": "white", "a leaf": "green", "an elephant": "grey",
           "the sea": "blue", "a cherry": "red", "sand": "yellow", "a crow": "black",
           "a swan": "white"}
OPPOSITES = _pairs("""hot cold big small up down happy sad fast slow day night open closed wet dry
old new hard soft high low in out light dark full empty long short near far early late loud quiet left
right top bottom clean dirty strong weak push pull rich poor thick thin first last begin end give
take come go yes no good bad true false over under""")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen twenty""".split()
ORDINALS = "first second third fourth fifth".split()

FEELINGS = {
    "happy": "I am glad you are happy!",
    "sad": "I am sorry you are sad. Do you want to hear a story?",
    "tired": "Then it is good to rest a little.",
    "hungry": "Maybe it is time for a snack!",
    "bored": "We can play a game. Ask me to count or to repeat your words!",
    "scared": "It is all right. You are not alone.",
    "excited": "That sounds like fun!",
    "sick": "I hope you feel better soon."}

ABOUT = [
    (("What is a token?", "What are tokens?"),
     "A token is a small piece of text. It can be a word, a part of a word, or one sign. "
     "I read and write one token at a time."),
    (("What is attention?", "How does attention work?", "What does attention do?"),
     "Attention is how I look back. For each new token I look at the tokens before it and choose "
     "which ones matter most."),
    (("What is a layer?", "What are layers?"),
     "A layer is one step of my thinking. Each layer looks at the text again and makes its notes a "
     "little better."),
    (("What is a head?", "What is an attention head?"),
     "A head is one of my small eyes. Each head looks back at the text in its own way."),
    (("What is a sliding window?", "What is a local layer?"),
     "In a local layer I can only look back a few tokens. We call that a sliding window."),
    (("What is a global layer?",),
     "In a global layer I can look back at the whole text, all the way to the start."),
    (("What is temperature?",),
     "Temperature says how bold I am. With a low one I pick the most likely token. With a high one "
     "I try odd ones too."),
    (("What is an induction head?",),
     "An induction head finds the last time it saw this token and copies what came next."),
    (("What is softmax?",),
     "Softmax turns scores into shares. All the shares together make one."),
    (("What is a logit?", "What are logits?"),
     "A logit is a score for one token. The token with the best score is the one I would say "
     "next."),
    (("What is a model?", "What is a language model?"),
     "A language model guesses the next token. It does this again and again until the answer is "
     "done."),
    (("How big are you?", "Are you a big model?"),
     "I am very small. Big models have a thousand times more numbers inside than I have."),
    (("What is the KV cache?", "What is a cache?"),
     "The cache keeps what I know about old tokens, so I do not have to read them all again."),
    (("What is a soft cap?",),
     "A soft cap stops a score from growing too large. It bends big scores down, gently."),
]

WHO = (f"I am {BOT}, a small demonstration model.",
       f"My name is {BOT}. I am a tiny model made to show how attention works.",
       f"I am {BOT}. I am a very small language model, made for learning.")
CAN = ("I can tell short stories, count, repeat your words, and answer easy questions.",
       "I can tell you a story, say the days of the week, do small sums, and repeat what you say.",
       "Ask me for a story, a colour, an opposite, or a small sum. "
       "You can watch how I look at your words.")
UNKNOWN = ("I do not know that. I am only a small model.",
           "I am too small to know that. Ask me for a story instead!",
           "I do not know. I only know easy things.")
HARD = ("What is the capital of {place}?", "Who won the game last night?",
        "What is the weather like today?", "Who is the president?", "What time is it?",
        "How do I fix my car?", "What is the news today?", "Can you write a program?",
        "What is seven hundred times twelve?", "How far is the moon?",
        "Can you look this up for me?", "How many people live in {place}?",
        "What language do they speak in {place}?", "Who wrote that book?",
        "How do I get to {place}?", "What year is it?", "Can you send a letter for me?",
        "What is the meaning of life?", "How old is the sun?", "What did I eat yesterday?")
LANDS = "France Spain Japan Kenya Brazil Canada India Peru Egypt Norway".split()
STORY_REQUESTS = ("Tell me a story about {}.", "Can you tell me a story about {}?",
                  "I want a story about {}.", "Please tell a short story about {}.",
                  "Write a story about {}.", "Do you know a story about {}?")
ANY_STORY = ("Tell me a story.", "Tell me another story, please.", "I want to hear a story.")


def with_article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def sentence(text):
    """The text with a capital first letter."""
    return text[0].upper() + text[1:]
