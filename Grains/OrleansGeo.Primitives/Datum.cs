namespace OrleansGeo.Primitives;

/// <summary>The type of a column. The numbers are stored; they never change.</summary>
public enum DatumType : byte
{
    /// <summary>The type of null, which belongs to every column type.</summary>
    None = 0,

    /// <summary>Unicode text.</summary>
    String = 1,

    /// <summary>A signed integer of 64 bits.</summary>
    Int64 = 2,

    /// <summary>A finite IEEE 754 double; minus zero is zero.</summary>
    Float64 = 3,

    /// <summary>A decimal of at most 96 bits and 28 digits after the point; trailing zeros do not count.</summary>
    Decimal = 4,

    /// <summary>True or false.</summary>
    Bool = 5,

    /// <summary>A UUID (RFC 9562).</summary>
    Uuid = 6,

    /// <summary>A UTC instant of the years 1 to 9999, in nanoseconds.</summary>
    Timestamp = 7,

    /// <summary>Any bytes.</summary>
    Bytes = 8,

    /// <summary>A JSON value in its canonical text (see <see cref="DatumJson"/>).</summary>
    Json = 9,
}

/// <summary>
/// The value of one column: null, or a value of one <see cref="DatumType"/>. Immutable. Equal values have equal representations, and
/// <see cref="CompareTo"/> is the order that keys, indexes and conditions use. <c>default</c> is null.
/// </summary>
public readonly struct Datum : IEquatable<Datum>, IComparable<Datum>
{
    /// <summary>The first instant, 0001-01-01T00:00:00Z, in seconds since 1970.</summary>
    public const long UnixSecondsMin = -62_135_596_800;

    /// <summary>The second of the last instant, 9999-12-31T23:59:59Z, in seconds since 1970.</summary>
    public const long UnixSecondsMax = 253_402_300_799;

    private const byte NegativeFlag = 0x80;

    // String, bytes, JSON text; a boxed Guid for a UUID. The rest lives in the numbers, so most columns cost no allocation.
    private readonly object? _object;

    // Int64, double bits, low 64 bits of a decimal, seconds, 0 or 1.
    private readonly long _number;

    // Nanoseconds; the high 32 bits of a decimal.
    private readonly int _more;

    // Scale of a decimal, with NegativeFlag.
    private readonly byte _scale;
    private readonly DatumType _type;

    private Datum(DatumType type, object? obj, long number, int more = 0, byte scale = 0)
    {
        _type = type;
        _object = obj;
        _number = number;
        _more = more;
        _scale = scale;
    }

    /// <summary>No value.</summary>
    public static Datum Null => default;

    /// <summary>True for no value.</summary>
    public bool IsNull => _type == DatumType.None;

    /// <summary>The type of the value; <see cref="DatumType.None"/> for null.</summary>
    public DatumType Type => _type;

    /// <summary>Text. Half a surrogate pair is not text: <see cref="ArgumentException"/>.</summary>
    public static Datum FromString(string value) => DatumText.IsWellFormed(value)
        ? new(DatumType.String, value, 0)
        : throw new ArgumentException("the string has half a surrogate pair, which no UTF-8 text can hold", nameof(value));

    /// <summary>An integer.</summary>
    public static Datum FromInt64(long value) => new(DatumType.Int64, null, value);

    /// <summary>A finite number; NaN and infinities are refused with <see cref="ArgumentException"/>, minus zero becomes zero.</summary>
    public static Datum FromFloat64(double value) => double.IsFinite(value)
        ? new(DatumType.Float64, null, BitConverter.DoubleToInt64Bits(value == 0 ? 0.0 : value))
        : throw new ArgumentException("a float64 is a finite number", nameof(value));

    /// <summary>A decimal; trailing zeros after the point are dropped.</summary>
    public static Datum FromDecimal(decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        var mantissa = new UInt128((uint)bits[2], ((ulong)(uint)bits[1] << 32) | (uint)bits[0]);
        var scale = (bits[3] >> 16) & 0xFF;
        while (scale > 0 && mantissa % 10 == 0)
        {
            mantissa /= 10;
            scale--;
        }

        var sign = bits[3] < 0 && mantissa != 0 ? NegativeFlag : 0;
        return new(DatumType.Decimal, null, (long)(ulong)mantissa, (int)(uint)(mantissa >> 64), (byte)(scale | sign));
    }

    /// <summary>True or false.</summary>
    public static Datum FromBool(bool value) => new(DatumType.Bool, null, value ? 1 : 0);

    /// <summary>A UUID.</summary>
    public static Datum FromUuid(Guid value) => new(DatumType.Uuid, value, 0);

    /// <summary>
    /// An instant: seconds since 1970 UTC, then nanoseconds forward from there. <see cref="ArgumentOutOfRangeException"/> outside the years
    /// 1 to 9999 or a second.
    /// </summary>
    public static Datum FromTimestamp(long unixSeconds, int nanos)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(unixSeconds, UnixSecondsMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(unixSeconds, UnixSecondsMax);
        ArgumentOutOfRangeException.ThrowIfNegative(nanos);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nanos, 999_999_999);
        return new(DatumType.Timestamp, null, unixSeconds, nanos);
    }

    /// <summary>Bytes; the array is kept and must not be changed.</summary>
    public static Datum FromBytes(byte[] value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new(DatumType.Bytes, value, 0);
    }

    /// <summary>JSON in the canonical text that <see cref="DatumJson.Canonicalise"/> makes; the text is not parsed again.</summary>
    public static Datum FromJson(string canonicalText) => canonicalText.Length > 0 && DatumText.IsWellFormed(canonicalText)
        ? new(DatumType.Json, canonicalText, 0)
        : throw new ArgumentException("a JSON text is not empty and has no half surrogate pair", nameof(canonicalText));

    /// <summary>The text; throws <see cref="InvalidOperationException"/> for a value of another type, as all accessors do.</summary>
    public string AsString() => (string)Of(DatumType.String)._object!;

    /// <summary>The integer.</summary>
    public long AsInt64() => Of(DatumType.Int64)._number;

    /// <summary>The double.</summary>
    public double AsFloat64() => BitConverter.Int64BitsToDouble(Of(DatumType.Float64)._number);

    /// <summary>The decimal, without trailing zeros.</summary>
    public decimal AsDecimal() => new(
        (int)Of(DatumType.Decimal)._number, (int)(_number >> 32), _more, (_scale & NegativeFlag) != 0, (byte)(_scale & ~NegativeFlag));

    /// <summary>The truth value.</summary>
    public bool AsBool() => Of(DatumType.Bool)._number != 0;

    /// <summary>The UUID.</summary>
    public Guid AsUuid() => (Guid)Of(DatumType.Uuid)._object!;

    /// <summary>The instant: seconds since 1970 UTC, and nanoseconds forward from there.</summary>
    public (long UnixSeconds, int Nanos) AsTimestamp() => (Of(DatumType.Timestamp)._number, _more);

    /// <summary>The bytes; not to be changed.</summary>
    public byte[] AsBytes() => (byte[])Of(DatumType.Bytes)._object!;

    /// <summary>The canonical JSON text.</summary>
    public string AsJson() => (string)Of(DatumType.Json)._object!;

    /// <summary>
    /// The order of values: null first; strings by code point, numbers by value, false before true, UUIDs by their bytes in network order,
    /// instants by time, bytes as unsigned, JSON as <see cref="DatumJson"/> says. Values of different types order by type number.
    /// </summary>
    public int CompareTo(Datum other)
    {
        if (_type != other._type)
        {
            return _type.CompareTo(other._type);
        }

        return _type switch
        {
            DatumType.None => 0,
            DatumType.String => DatumText.CompareCodePoints(AsString(), other.AsString()),
            DatumType.Float64 => AsFloat64().CompareTo(other.AsFloat64()),
            DatumType.Decimal => AsDecimal().CompareTo(other.AsDecimal()),
            DatumType.Uuid => CompareUuids(AsUuid(), other.AsUuid()),
            DatumType.Timestamp => _number != other._number ? _number.CompareTo(other._number) : _more.CompareTo(other._more),
            DatumType.Bytes => AsBytes().AsSpan().SequenceCompareTo(other.AsBytes()),
            DatumType.Json => DatumJson.Compare(AsJson(), other.AsJson()),
            _ => _number.CompareTo(other._number),
        };
    }

    /// <inheritdoc />
    public bool Equals(Datum other)
    {
        if (_type != other._type || _number != other._number || _more != other._more || _scale != other._scale)
        {
            return false;
        }

        return _type switch
        {
            DatumType.String or DatumType.Json => string.Equals((string?)_object, (string?)other._object, StringComparison.Ordinal),
            DatumType.Bytes => ((byte[])_object!).AsSpan().SequenceEqual((byte[])other._object!),
            DatumType.Uuid => (Guid)_object! == (Guid)other._object!,
            _ => true,
        };
    }

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Datum other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(_type);
        hash.Add(_number);
        hash.Add(_more);
        hash.Add(_scale);
        if (_object is byte[] bytes)
        {
            hash.AddBytes(bytes);
        }
        else
        {
            hash.Add(_object);
        }

        return hash.ToHashCode();
    }

    /// <summary>Equality of type and value.</summary>
    public static bool operator ==(Datum a, Datum b) => a.Equals(b);

    /// <summary>Inequality of type or value.</summary>
    public static bool operator !=(Datum a, Datum b) => !a.Equals(b);

    /// <summary>The text form (see <see cref="DatumText"/>), or <c>null</c>.</summary>
    public override string ToString() => IsNull ? "null" : DatumText.Format(this);

    private static int CompareUuids(Guid a, Guid b)
    {
        Span<byte> left = stackalloc byte[16];
        Span<byte> right = stackalloc byte[16];
        a.TryWriteBytes(left, bigEndian: true, out _);
        b.TryWriteBytes(right, bigEndian: true, out _);
        return left.SequenceCompareTo(right);
    }

    private Datum Of(DatumType type) =>
        _type == type ? this : throw new InvalidOperationException($"a value of type {_type} is not of type {type}");
}
