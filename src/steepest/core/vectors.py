"""A SIMD type for numba: 16 neighbouring values of a row, as one value with arithmetic.

Loops that numba has to vectorise by itself check before every row whether arrays overlap, work off
a remainder, and take seconds to compile. Kernels written with this type say what they mean:
``load`` and ``store`` 16 values at a position of a contiguous array, and compute with them by
``+ - * /``, `maximum`, `minimum`, `magnitude`, `root` and `where_less`. LLVM maps them to the
registers of the machine, whatever their width.

There is no bounds check: a position must have 16 values after it.
"""

import operator
from functools import partial
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

LANES = 16


class Vector(types.Type):
    """The numba type of `LANES` values of one floating-point type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        scalar = dmm.lookup(fe_type.dtype).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(scalar, LANES))


def _arithmetic(symbol: Any, instruction: str) -> None:
    """Define an operator of two vectors of the same type."""

    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Vector) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    infer_global(symbol)(Template)

    @lower_builtin(symbol, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.iadd, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


def _pointer(context: Any, builder: Any, array: Any, value: Any, position: Any) -> Any:
    """The address of 16 values of an array, for a load or a store."""
    data = context.make_array(array)(context, builder, value).data
    kind = context.get_value_type(Vector(array.dtype))
    return builder.bitcast(builder.gep(data, [position], inbounds=True), kind.as_pointer())


def _same_lane(builder: Any, scalar: Any) -> Any:
    """A vector with the given scalar in every lane."""
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, zeros)


def _converted(context: Any, builder: Any, value: Any, before: Any, after: Any) -> Any:
    """A scalar or vector converted from one floating-point type to another."""
    if before == after:
        return value
    kind = context.get_value_type(after)
    if isinstance(value.type, ir.VectorType):
        kind = ir.VectorType(kind, LANES)
    wider = after.bitwidth > before.bitwidth
    return builder.fpext(value, kind) if wider else builder.fptrunc(value, kind)


@intrinsic
def load(typing_context: Any, array: Any, position: Any) -> Any:
    """The 16 values from a position, counted in the flattened array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = builder.load(_pointer(context, builder, array, *args))
        found.align = array.dtype.bitwidth // 8
        return found

    return Vector(array.dtype)(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, position: Any, vector: Any) -> Any:
    """Write 16 values at a position, converted to the dtype of the array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = _pointer(context, builder, array, *args[:2])
        value = _converted(context, builder, args[2], vector.dtype, array.dtype)
        builder.store(value, where, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def write(typing_context: Any, address: Any, position: Any, value: Any) -> Any:
    """Write one value, or a vector, at a position of an array at an address."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = getattr(value, "dtype", value)
        kind = context.get_value_type(dtype).as_pointer()
        where = builder.gep(builder.inttoptr(args[0], kind), [args[1]], inbounds=True)
        where = builder.bitcast(where, args[2].type.as_pointer())
        builder.store(args[2], where, align=dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.intp, value), generate


@intrinsic
def fill(typing_context: Any, array: Any, value: Any) -> Any:
    """A vector of the dtype of an array with one number in every lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _same_lane(builder, _converted(context, builder, args[1], value, array.dtype))

    return Vector(array.dtype)(array, value), generate


@intrinsic
def convert(typing_context: Any, vector: Any, array: Any) -> Any:
    """A vector converted to the dtype of an array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _converted(context, builder, args[0], vector.dtype, array.dtype)

    return Vector(array.dtype)(vector, array), generate


def _choose(comparison: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, *args), *args)

        return a(a, b), generate

    return typed


maximum = intrinsic(_choose(">"))
minimum = intrinsic(_choose("<"))


@intrinsic
def where_less(typing_context: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` in the lanes where a < b, ``no`` elsewhere."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args[:2]), *args[2:])

    return yes(a, b, yes, no), generate


def _call(
    builder: Any,
    name: str,
    value: Any,
    result: Any,
    *before: Any,
    fastmath: tuple[str, ...] = ("reassoc",),
) -> Any:
    kinds = [*(x.type for x in before), value.type]
    full = f"llvm.{name}.v{LANES}f{32 if isinstance(value.type.element, ir.FloatType) else 64}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), full)
    return builder.call(function, [*before, value], fastmath=fastmath)


@intrinsic
def magnitude(typing_context: Any, vector: Any) -> Any:
    """The absolute value of each lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "fabs", args[0], args[0].type)

    return vector(vector), generate


@intrinsic
def root(typing_context: Any, vector: Any) -> Any:
    """The square root of each lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "sqrt", args[0], args[0].type)

    return vector(vector), generate


@intrinsic
def inverse_root(typing_context: Any, vector: Any) -> Any:
    """One over the square root of each lane, which must be positive and normal.

    LLVM has fast instructions for it in float32. In float64 they would be slow: four Newton steps
    from a guess by the exponent take half as long. The last one rounds down.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (x,) = args
        flags = ("contract", "reassoc", "arcp", "afn", "nsz")
        lanes = partial(_same_lane, builder)
        if isinstance(x.type.element, ir.FloatType):
            one = lanes(ir.Constant(x.type.element, 1.0))
            return builder.fdiv(one, _call(builder, "sqrt", x, x.type, fastmath=flags), flags)
        integer = ir.IntType(64)
        exponent = builder.bitcast(x, ir.VectorType(integer, LANES))
        halved = builder.lshr(exponent, lanes(ir.Constant(integer, 1)))
        guess = builder.sub(lanes(ir.Constant(integer, 0x5FE6EB50C7B537A9)), halved)
        y = builder.bitcast(guess, x.type)
        for bias in (1.0, 1.0, 1.0, 1.0 - 2.0**-51):
            half, most = (lanes(ir.Constant(x.type.element, bias * c)) for c in (0.5, 1.5))
            square = builder.fmul(builder.fmul(builder.fmul(half, x), y), y, flags)
            y = builder.fmul(y, builder.fsub(most, square, flags), flags)
        return y

    return vector(vector), generate


@intrinsic
def total(typing_context: Any, vector: Any) -> Any:
    """The sum of the lanes, in float64."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = _converted(context, builder, args[0], vector.dtype, types.float64)
        nothing = ir.Constant(ir.DoubleType(), -0.0)
        return _call(builder, "vector.reduce.fadd", wide, ir.DoubleType(), nothing)

    return types.float64(vector), generate


@intrinsic
def largest(typing_context: Any, vector: Any) -> Any:
    """The largest lane, in float64; the lanes must not hold NaN."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = _converted(context, builder, args[0], vector.dtype, types.float64)
        return _call(builder, "vector.reduce.fmax", wide, ir.DoubleType())

    return types.float64(vector), generate
