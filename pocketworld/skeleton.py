"""Where a figure's joints are: proportions by kind of character, angles by pose or at will."""

import math
import random
from dataclasses import dataclass

from pocketworld.canvas import Point, turned


@dataclass(frozen=True)
class Build:
    """Proportions in 1/128 of the picture; x from the figure's axis, y downwards, the ground at 121."""

    head_y: float
    head_rx: float
    head_ry: float
    shoulder_x: float
    hip_y: float
    bone: float = 12.5  # upper arm, and forearm

    @property
    def chin(self) -> float:
        return self.head_y + self.head_ry

    @property
    def shoulder_y(self) -> float:
        return self.chin + 5

    @property
    def waist(self) -> Point:
        """What the body leans about."""
        return 0, self.hip_y

    @property
    def throat(self) -> Point:
        """What the head tilts about."""
        return 0, self.chin


CHILD = Build(head_y=40, head_rx=23, head_ry=21, shoulder_x=11.5, hip_y=93)
WOMAN = Build(head_y=34, head_rx=20.5, head_ry=19.5, shoulder_x=11, hip_y=88, bone=13.5)
MAN = Build(head_y=33, head_rx=20.5, head_ry=19.5, shoulder_x=14.5, hip_y=88, bone=13.5)
MANNEQUIN = Build(head_y=44, head_rx=9, head_ry=10, shoulder_x=12, hip_y=90, bone=13)
BUILDS = {"woman": WOMAN, "man": MAN}
ANKLE_Y = 117

# Upper and lower arm in degrees: 0 hangs down, 90 points away from the body, 180 up. The first arm is the one
# at the viewer's left (from the side: the far one).
ARMS = {
    "standing": ((22, 12), (22, 12)),
    "waving": ((22, 12), (112, 150)),
    "arms raised": ((128, 160), (128, 160)),
    "walking": ((38, 62), (38, 62)),
    "hands on hips": ((58, -52), (58, -52)),
    "laid flat": ((42, 42), (42, 42)),
}
PROFILE_ARMS = {"waving": ((-14, 8), (82, 112)), "arms raised": ((82, 108), (66, 96))}
UMBRELLA_ARM = (66, 140)
LEGS = {"walking": 24, "laid flat": 6}  # degrees away from straight down; otherwise 3

# What `Spec.limbs` has, in degrees: `r_` and `l_` are the character's own right and left. Limbs as in ARMS, from
# the side 90 points forward; the body's lean and the head's tilt are clockwise as the viewer sees them.
LIMBS = (
    *("r_arm", "r_forearm", "l_arm", "l_forearm", "r_thigh", "r_shin", "l_thigh", "l_shin"),
    *("lean", "tilt"),
)
TRIES = 20  # at arms that leave the face free


@dataclass(frozen=True)
class Skeleton:
    """Joints by OpenPose name, in figure units; `r_` is the character's own right, at the viewer's left facing us."""

    joints: dict[str, Point]
    lean: float = 0
    tilt: float = 0


def skeleton(
    build: Build,
    pose: str | None,
    framing: str,
    umbrella: bool,
    rng: random.Random,
    limbs: tuple[float, ...] | None = None,
) -> Skeleton:
    """The joints of a named pose, of `limbs` as in LIMBS, or, without either, of angles that the rng draws."""
    if limbs is not None:
        return _posed(build, dict(zip(LIMBS, limbs, strict=True)), framing)
    return _named(build, pose, framing, umbrella, rng) if pose else _free(build, framing, umbrella, rng)


def _named(build: Build, pose: str, framing: str, umbrella: bool, rng: random.Random) -> Skeleton:
    profile = framing == "from the side"
    left, right = (PROFILE_ARMS if profile and pose in PROFILE_ARMS else ARMS)[pose]
    if umbrella:
        # The hand at the viewer's right holds it; a wave changes hands.
        left, right = (right if pose == "waving" else left), UMBRELLA_ARM
    joints = {"neck": (0, build.chin + 3)}
    narrow = 0.15 if profile else 1.0
    for name, sign, angles in zip(_sides(framing), (-1, 1), (left, right), strict=True):
        bend = _facing_right(sign, pose, umbrella) if profile else sign
        arm = [angle + rng.uniform(-5, 5) for angle in angles]
        shoulder = (sign * build.shoulder_x * 0.88 * narrow, build.shoulder_y + 3)
        leg = LEGS.get(pose, 3)
        joints |= _arm(name, shoulder, bend, arm, build) | _leg(name, sign, narrow, sign, (leg, leg * 0.8), build)
    return Skeleton(joints)


def _sides(framing: str) -> tuple[str, str]:
    """Which of its sides the character has at the viewer's left and right; from the side, far and near."""
    return ("r", "l") if framing in ("full figure", "portrait") else ("l", "r")


def _facing_right(sign: int, pose: str, umbrella: bool) -> int:
    """The way an arm bends in profile: forward when it is lifted, one each way when walking."""
    if pose in ("waving", "arms raised") or umbrella:
        return 1
    return -1 if pose == "hands on hips" else sign


def _posed(build: Build, angles: dict[str, float], framing: str) -> Skeleton:
    """The joints at these angles, the lower foot on the ground: it may lift the hips or lower them."""
    profile = framing == "from the side"
    narrow, lean = (0.15 if profile else 1.0), angles["lean"]
    joints = {"neck": turned((0, build.chin + 3), lean, build.waist)}
    for name, sign in zip(_sides(framing), (-1, 1), strict=True):
        bend = 1 if profile else sign
        shoulder = (sign * build.shoulder_x * 0.88 * narrow, build.shoulder_y + 3)
        arm, leg = (
            (angles[f"{name}_{upper}"], angles[f"{name}_{lower}"])
            for upper, lower in (("arm", "forearm"), ("thigh", "shin"))
        )
        joints |= _arm(name, turned(shoulder, lean, build.waist), bend, arm, build)
        joints |= _leg(name, sign, narrow, bend, leg, build)
    return Skeleton(joints, lean, angles["tilt"])


def _free(build: Build, framing: str, umbrella: bool, rng: random.Random) -> Skeleton:
    """A pose within reach: angles at random, drawn again while a hand or an arm hides the face."""
    profile = framing == "from the side"
    angles = (_profile_legs if profile else _legs)(rng)
    angles |= {"lean": rng.uniform(-3, 9) if profile else rng.uniform(-7, 7), "tilt": rng.uniform(-8, 8)}
    for _ in range(TRIES):
        arms = (_profile_arm(rng), _profile_arm(rng)) if profile else _arm_pair(rng)
        if umbrella:
            arms = (arms[0], tuple(angle + rng.uniform(-5, 5) for angle in UMBRELLA_ARM))
        for name, (upper, lower) in zip(_sides(framing), arms, strict=True):
            angles |= {f"{name}_arm": upper, f"{name}_forearm": lower}
        found = _posed(build, angles, framing)
        if framing == "from behind" or _leaves_the_face(found, build, 1 if profile else 0):
            return found
    hanging = dict.fromkeys(("r_arm", "r_forearm", "l_arm", "l_forearm"), 20)
    return _posed(build, angles | hanging, framing)


def _arm_pair(rng: random.Random) -> tuple[tuple[float, float], tuple[float, float]]:
    first = _front_arm(rng)
    if rng.random() < 0.25:  # both alike
        return first, tuple(angle + rng.uniform(-6, 6) for angle in first)
    return first, _front_arm(rng)


def _front_arm(rng: random.Random) -> tuple[float, float]:
    """Upper arm and forearm: hanging, held out, lifted, or before the body."""
    kind = rng.random()
    if kind < 0.25:
        upper = rng.uniform(8, 48)
        return upper, upper + rng.uniform(-30, 45)
    if kind < 0.5:
        upper = rng.uniform(50, 112)
        return upper, upper + rng.uniform(-105, 95)
    if kind < 0.75:
        upper = rng.uniform(105, 165)
        return upper, upper + rng.uniform(-45, 70)
    return rng.uniform(12, 66), rng.uniform(-118, -38)


def _profile_arm(rng: random.Random) -> tuple[float, float]:
    upper = rng.triangular(-48, 150, 25)
    return upper, upper + rng.uniform(4, 105)


def _legs(rng: random.Random) -> dict[str, float]:
    """Thighs and shins facing us: together, apart, bent, or one lifted."""
    kind = rng.random()
    if kind < 0.3:
        thighs = rng.uniform(0, 9), rng.uniform(0, 9)
        bends = rng.uniform(0, 5), rng.uniform(0, 5)
    elif kind < 0.58:
        wide = rng.uniform(10, 34)
        thighs = wide + rng.uniform(-4, 6), wide + rng.uniform(-4, 6)
        bends = rng.uniform(0, 16), rng.uniform(0, 16)
    elif kind < 0.72:
        wide = rng.uniform(24, 46)
        thighs, bends = (wide, wide), (wide + rng.uniform(0, 16),) * 2
    else:
        thighs = rng.uniform(38, 82), rng.uniform(-3, 7)
        bends = rng.uniform(30, 105), rng.uniform(0, 5)
    first, second = rng.choice((("r", "l"), ("l", "r")))
    return {
        f"{first}_thigh": thighs[0],
        f"{first}_shin": thighs[0] - bends[0],
        f"{second}_thigh": thighs[1],
        f"{second}_shin": thighs[1] - bends[1],
    }


def _profile_legs(rng: random.Random) -> dict[str, float]:
    """One leg ahead, the other behind it; knees bend backward."""
    ahead, behind = rng.uniform(-2, 62), rng.uniform(-34, 6)
    first, second = rng.choice((("r", "l"), ("l", "r")))
    return {
        f"{first}_thigh": ahead,
        f"{first}_shin": ahead - rng.uniform(0, 25 + 0.9 * max(ahead, 0)),
        f"{second}_thigh": behind,
        f"{second}_shin": behind - rng.uniform(0, 40),
    }


def _leaves_the_face(found: Skeleton, build: Build, facing: int) -> bool:
    """No forearm and no hand lies over eyes, nose and mouth; `facing` is 1 in profile, where they are at the right."""
    for side in ("l", "r"):
        elbow, wrist = (
            turned(turned(found.joints[f"{side}_{name}"], -found.lean, build.waist), -found.tilt, build.throat)
            for name in ("elbow", "wrist")
        )
        for share in (0.4, 0.7, 1, 1.25, 1.5):
            x = elbow[0] + (wrist[0] - elbow[0]) * share - facing * build.head_rx * 0.5
            y = elbow[1] + (wrist[1] - elbow[1]) * share - build.head_y - 4
            if math.hypot(x / (build.head_rx * 0.92), y / (build.head_ry * 0.86)) < 1:
                return False
    return True


def _arm(name: str, shoulder: Point, sign: int, angles: tuple[float, float], build: Build) -> dict[str, Point]:
    elbow = _reach(shoulder, sign, angles[0], build.bone)
    return {
        f"{name}_shoulder": shoulder,
        f"{name}_elbow": elbow,
        f"{name}_wrist": _reach(elbow, sign, angles[1], build.bone),
    }


def _leg(name: str, side: int, narrow: float, sign: int, angles: tuple[float, float], build: Build) -> dict[str, Point]:
    hip = (side * 6 * max(narrow, 0.3), build.hip_y)
    bone = (ANKLE_Y - build.hip_y) / 2
    knee = _reach(hip, sign, angles[0], bone)
    return {f"{name}_hip": hip, f"{name}_knee": knee, f"{name}_ankle": _reach(knee, sign, angles[1], bone)}


def _reach(start: Point, sign: int, degrees: float, length: float) -> Point:
    angle = math.radians(degrees)
    return start[0] + sign * math.sin(angle) * length, start[1] + math.cos(angle) * length
