"""A vector of numbers for Numba kernels: one value that holds 64 bytes, 16 float32 or 8 float64, side by side.

Inside a jitted function `load` takes such a vector from an array and +, - and * work on all lanes at once; nothing else
changes. LLVM cuts the 64 bytes into whatever registers the machine has: one of AVX-512, two of AVX2, four of NEON. No
operation here moves numbers between lanes except the two sums over lanes, so no instruction set is at a disadvantage.

Why not leave it to the compiler's vectoriser: it must prove that arrays do not overlap, prefers short vectors on some
machines, and gives up at the first branch. The same loops written on scalars ran 4 to 8 times slower.

The operations carry no fast-math flags, and the kernels that use them must be compiled without any (Numba's option would
put them on these operations too): a fused x - a * y is not exactly 0 for x = a * y.
"""

import operator
from typing import Any

import numba
from llvmlite import binding, ir
from numba.core import cgutils, errors, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

BYTES = 64

# 2^f on [-1/2, 1/2] as a polynomial, lowest power first: relative error 1e-7 with 6 terms (fitted to the largest error),
# 2e-16 with 12 (Chebyshev nodes). The constant term is exactly 1, so that the nearest candidate weighs exactly 1.
EXP2_FLOAT32 = (1.0, 0.6931469775988574, 0.24022242085173193, 0.055507337436910074, 0.009671512648911777,
                0.0013264727065338737)  # fmt: skip
EXP2_FLOAT64 = (1.0, 0.6931471805599453, 0.24022650695910097, 0.0555041086648216, 0.009618129107606874,
                0.0013333558146416517, 0.0001540353044176137, 1.5252733830521457e-05, 1.321544257255507e-06,
                1.0178062048535502e-07, 7.072588919056681e-09, 4.455034474655278e-10)  # fmt: skip


# Whether the processor has 32 registers of 64 bytes (AVX-512); others hold 8 of these vectors at a time, in 16 or 32 registers.
_FEATURES = numba.config.CPU_FEATURES or ("" if numba.config.CPU_NAME else binding.get_host_cpu_features().flatten())
MANY_REGISTERS = "+avx512f" in _FEATURES


class Vector(types.Type):
    """The Numba type of a vector of `dtype`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vector({dtype} x {self.lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, _llvm_type(vector))


def _llvm_type(vector):
    element = ir.FloatType() if vector.dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(element, vector.lanes)


def _splat(builder, scalar, lanes):
    """A scalar in every lane."""
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(first, first, zeros)


def _constant(vector_type, value):
    """The same constant in every lane."""
    return ir.Constant(vector_type, [ir.Constant(vector_type.element, value)] * vector_type.count)


@intrinsic
def address(typing, array):
    """Where the numbers of a C-contiguous array lie; `pointer[i]` reads and writes them, unchecked.

    Kernels pass addresses and not arrays to their helpers: an array is seven values and a reference count, and Numba counted
    references anew around every row (a third of the time). The array itself must outlive the call, so the caller holds it.
    """
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def code(context, builder, sig, args):
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), code


@intrinsic
def aligned(typing, array):
    """The first address in a flat array that is a multiple of 64 bytes; make the array one vector longer than needed."""

    def code(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        whole = ir.IntType(64)
        start = builder.add(builder.ptrtoint(data, whole), ir.Constant(whole, BYTES - 1))
        return builder.inttoptr(builder.and_(start, ir.Constant(whole, -BYTES)), data.type)

    return types.CPointer(array.dtype)(array), code


@intrinsic
def after(typing, pointer, count):
    """The address `count` numbers further on."""

    def code(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), code


def _place(builder, sig, pointer, index):
    """Address of pointer[index], as that of a vector."""
    return builder.bitcast(builder.gep(pointer, [index]), _llvm_type(Vector(sig.args[0].dtype)).as_pointer())


@intrinsic
def lanes(typing, pointer):
    """How many numbers of the pointer's dtype a vector holds: a constant for the compiler."""
    count = Vector(pointer.dtype).lanes
    return types.intp(pointer), lambda context, builder, sig, args: ir.Constant(ir.IntType(64), count)


@intrinsic
def load(typing, pointer, index):
    """The vector that starts at pointer[index]."""

    def code(context, builder, sig, args):
        return builder.load(_place(builder, sig, *args), align=sig.args[0].dtype.bitwidth // 8)

    return Vector(pointer.dtype)(pointer, types.intp), code


@intrinsic
def store(typing, pointer, index, vector):
    """Write a vector to pointer[index], pointer[index + 1], ..."""

    def code(context, builder, sig, args):
        builder.store(args[2], _place(builder, sig, *args[:2]), align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, vector), code


@intrinsic
def load_four(typing, pointer, index):
    """The four vectors from vector `index` on, as a tuple."""
    four = types.UniTuple(Vector(pointer.dtype), 4)

    def code(context, builder, sig, args):
        places = [_place(builder, sig, args[0], at) for at in _four(builder, sig, args[1])]
        loaded = [builder.load(place, align=sig.args[0].dtype.bitwidth // 8) for place in places]
        return context.make_tuple(builder, four, loaded)

    return four(pointer, types.intp), code


@intrinsic
def store_four(typing, pointer, index, a, b, c, d):
    """Write four vectors from vector `index` on."""

    def code(context, builder, sig, args):
        for at, vector in zip(_four(builder, sig, args[1]), args[2:], strict=True):
            builder.store(vector, _place(builder, sig, args[0], at), align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, a, b, c, d), code


def _four(builder, sig, index):
    """Where four neighbouring vectors start, counted in numbers."""
    size = ir.Constant(index.type, Vector(sig.args[0].dtype).lanes)
    return [builder.mul(builder.add(index, ir.Constant(index.type, i)), size) for i in range(4)]


@intrinsic
def splat(typing, pointer, scalar):
    """A scalar in every lane, as a vector of the pointer's dtype."""
    vector = Vector(pointer.dtype)

    def code(context, builder, sig, args):
        return _splat(builder, args[1], vector.lanes)

    return vector(pointer, pointer.dtype), code


@intrinsic
def vectors(typing, pointer):
    """The same address, as that of whole vectors: `after` and `spread` then count in vectors."""
    return types.CPointer(Vector(pointer.dtype))(pointer), _cast


@intrinsic
def numbers(typing, pointer):
    """The address that `vectors` was made of."""
    return types.CPointer(pointer.dtype.dtype)(pointer), _cast


def _cast(context, builder, sig, args):
    return builder.bitcast(args[0], context.get_value_type(sig.return_type))


@intrinsic
def registers(typing, pointer, count):
    """Room for `count` vectors, a constant, as an address of vectors: registers, where loops over it have constant bounds."""
    if not isinstance(count, types.IntegerLiteral):
        raise errors.RequireLiteralValue("registers: expected a constant count")
    result = types.CPointer(Vector(pointer.dtype))

    def code(context, builder, sig, args):
        size = ir.Constant(ir.IntType(64), count.literal_value)
        return cgutils.alloca_once(builder, _llvm_type(result.dtype), size=size)

    return result(pointer, count), code


@intrinsic
def spread(typing, pointer, source, index):
    """source[index] as a vector of the pointer's dtype: where source holds numbers, that number in every lane."""
    vector = Vector(pointer.dtype)

    def code(context, builder, sig, args):
        place = builder.gep(args[1], [args[2]])
        if sig.args[1].dtype == vector:
            return builder.load(place, align=sig.args[0].dtype.bitwidth // 8)
        return _splat(builder, builder.load(place), vector.lanes)

    return vector(pointer, source, types.intp), code


@intrinsic
def smaller(typing, a, b):
    """The smaller of two vectors, lane by lane; b where a is NaN."""

    def code(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return a(a, a), code


def _arithmetic(function, instruction):
    @infer_global(function)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Vector) and args[0] == args[1]:
                return signature(args[0], *args)

    @lower_builtin(function, Vector, Vector)
    def _lower(context, builder, sig, args):
        return getattr(builder, instruction)(*args)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")


def _muladd(builder, a, b, c):
    kind = "f32" if a.type.element == ir.FloatType() else "f64"
    name = f"llvm.fmuladd.v{a.type.count}{kind}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(a.type, [a.type] * 3), name)
    return builder.call(function, [a, b, c])


@intrinsic
def muladd(typing, a, b, c):
    """a * b + c, rounded once where the machine can."""
    return a(a, a, a), lambda context, builder, sig, args: _muladd(builder, *args)


def _any(relation, sig, builder, args):
    """Whether the relation to a scalar holds in any lane: one bit a lane, compared with none at all."""
    count = sig.args[0].lanes
    hits = builder.fcmp_ordered(relation, args[0], _splat(builder, args[1], count))
    return builder.icmp_unsigned("!=", builder.bitcast(hits, ir.IntType(count)), ir.Constant(ir.IntType(count), 0))


@intrinsic
def any_at_most(typing, vector, bound):
    """Whether any lane is at most the scalar bound."""
    return types.boolean(vector, vector.dtype), lambda context, builder, sig, args: _any("<=", sig, builder, args)


@intrinsic
def any_below(typing, vector, bound):
    """Whether any lane is less than the scalar bound."""
    return types.boolean(vector, vector.dtype), lambda context, builder, sig, args: _any("<", sig, builder, args)


@intrinsic
def keep_where(typing, value, vector, least):
    """`value` in the lanes where `vector` is at least the scalar `least`, else 0."""

    def code(context, builder, sig, args):
        inside = builder.fcmp_ordered(">=", args[1], _splat(builder, args[2], sig.args[0].lanes))
        return builder.select(inside, args[0], _constant(args[0].type, 0.0))

    return value(value, vector, vector.dtype), code


@intrinsic
def exp2(typing, vector, rate):
    """2^(vector * rate) lane by lane, where that is a normal number at most 1; anything at all in the other lanes.

    vector * rate = n + f with n whole and |f| <= 1/2: n goes straight into the exponent bits, 2^f is a polynomial.
    0.3 ns an element at most, against 3.5 ns of math.exp in a loop.
    """
    single = vector.dtype == types.float32
    mantissa, coefficients = (23, EXP2_FLOAT32) if single else (52, EXP2_FLOAT64)

    def code(context, builder, sig, args):
        value, kind = args[0], args[0].type
        whole = ir.VectorType(ir.IntType(sig.args[0].dtype.bitwidth), kind.count)
        speed = _splat(builder, args[1], kind.count)
        # Adding 1.5 * 2^mantissa leaves no room for a fraction: the sum rounds to a whole number, in its lowest bits.
        magic = _constant(kind, 1.5 * 2.0**mantissa)
        shifted = _muladd(builder, value, speed, magic)
        fraction = _muladd(builder, value, speed, builder.fsub(magic, shifted))
        power = _constant(kind, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            power = _muladd(builder, power, fraction, _constant(kind, coefficient))
        exponent = builder.shl(builder.bitcast(shifted, whole), _constant(whole, mantissa))
        return builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), kind)

    return vector(vector, vector.dtype), code


def _fold(builder, value, combine):
    """Combine the lanes in halves: always the same tree, so the same bits everywhere."""
    count = value.type.count
    while count > 1:
        count //= 2
        index = ir.VectorType(ir.IntType(32), count)
        low = builder.shuffle_vector(value, value, ir.Constant(index, list(range(count))))
        high = builder.shuffle_vector(value, value, ir.Constant(index, list(range(count, 2 * count))))
        value = combine(low, high)
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@intrinsic
def sum_lanes(typing, vector):
    """The sum over lanes, a scalar."""
    return vector.dtype(vector), lambda context, builder, sig, args: _fold(builder, args[0], builder.fadd)


@intrinsic
def halved(typing, vector):
    """A vector of float64 with the same sum over lanes: in float32 the two halves are added, in float64 it is the vector."""

    def code(context, builder, sig, args):
        kind = args[0].type
        if kind.element == ir.DoubleType():
            return args[0]
        half = kind.count // 2
        index = ir.VectorType(ir.IntType(32), half)
        halves = [ir.Constant(index, list(range(first, first + half))) for first in (0, half)]
        single = builder.fadd(*(builder.shuffle_vector(*args, *args, lanes) for lanes in halves))
        return builder.fpext(single, ir.VectorType(ir.DoubleType(), half))

    return Vector(types.float64)(vector), code


@intrinsic
def add_wide(typing, pointer, index, vector):
    """Add a vector to the float64 numbers pointer[index], pointer[index + 1], ..."""

    def code(context, builder, sig, args):
        wide = ir.VectorType(ir.DoubleType(), args[2].type.count)
        value = args[2] if args[2].type == wide else builder.fpext(args[2], wide)
        place = builder.bitcast(builder.gep(args[0], [args[1]]), wide.as_pointer())
        builder.store(builder.fadd(builder.load(place, align=8), value), place, align=8)
        return context.get_dummy_value()

    return types.void(types.CPointer(types.float64), types.intp, vector), code


@intrinsic
def min_lanes(typing, vector):
    """The smallest lane, a scalar."""

    def code(context, builder, sig, args):
        def smaller(a, b):
            return builder.select(builder.fcmp_ordered("<", a, b), a, b)

        return _fold(builder, args[0], smaller)

    return vector.dtype(vector), code


def product_tile(rows: int, vectors: int) -> Any:
    """A function tile(out, wide, a, down, across, along, b, count, terms) for kernels: a tile of a sum of matrix products.

    out[r wide + v] += sum_(i, j) a[i down + r across + j along] b[(i terms + j) wide + v], i < count, j < terms, for so many
    rows r and so many vectors of columns v. Each number is one sum in order. Without AVX-512 there are half as many registers of
    half the size, so one vector of each row is summed at a time.
    """

    @intrinsic
    def tile(typing, out, wide, a, down, across, along, b, count, terms):
        size, kind = Vector(out.dtype).lanes, _llvm_type(Vector(out.dtype))

        def code(context, builder, sig, args):
            out, wide, a, down, across, along, b, count, terms = args

            def whole(number):
                return ir.Constant(ir.IntType(64), number)

            def at(pointer, step, index, v):
                place = builder.add(builder.mul(step, index), whole(v * size))
                return builder.bitcast(builder.gep(pointer, [place]), kind.as_pointer())

            def add_columns(columns):
                places = {(r, v): at(out, wide, whole(r), v) for r in range(rows) for v in columns}
                align = out.type.pointee.get_abi_size(context.target_data)
                sums = {
                    key: cgutils.alloca_once_value(builder, builder.load(place, align=align)) for key, place in places.items()
                }
                with cgutils.for_range(builder, count) as outer, cgutils.for_range(builder, terms) as inner:
                    term = builder.add(builder.mul(outer.index, terms), inner.index)
                    row = {v: builder.load(at(b, wide, term, v), align=align) for v in columns}
                    left = builder.add(builder.mul(down, outer.index), builder.mul(along, inner.index))
                    first = builder.gep(a, [left])
                    for r in range(rows):
                        factor = _splat(builder, builder.load(builder.gep(first, [builder.mul(across, whole(r))])), size)
                        for v in columns:
                            builder.store(_muladd(builder, factor, row[v], builder.load(sums[r, v])), sums[r, v])
                for key, place in places.items():
                    builder.store(builder.load(sums[key]), place, align=align)

            for columns in [range(vectors)] if MANY_REGISTERS else [[v] for v in range(vectors)]:
                add_columns(columns)
            return context.get_dummy_value()

        return types.void(out, types.intp, a, *[types.intp] * 3, b, *[types.intp] * 2), code

    return tile
