using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables;

/// <summary>
/// Values of a table's primary key, all of them or, for scans, the first ones. A single value converts by itself:
/// <c>table.GetAsync("alice")</c>; several are put together with <see cref="Of"/>: <c>RowKey.Of("eu", 7)</c>. Enums are their names.
/// </summary>
public readonly struct RowKey : IEquatable<RowKey>
{
    private readonly ImmutableArray<Datum> _values;

    private RowKey(ImmutableArray<Datum> values) => _values = values;

    /// <summary>The values, in the order of the key's columns.</summary>
    public ImmutableArray<Datum> Values => _values.IsDefault ? [] : _values;

    /// <summary>Several values, or several keys one behind the other.</summary>
    public static RowKey Of(params ReadOnlySpan<RowKey> parts)
    {
        var values = ImmutableArray.CreateBuilder<Datum>(parts.Length);
        foreach (var part in parts)
        {
            values.AddRange(part.Values);
        }

        return new(values.DrainToImmutable());
    }

    /// <summary>The name of an enum's member.</summary>
    public static RowKey OfEnum<TEnum>(TEnum value)
        where TEnum : struct, Enum => new([Mapping.EnumNames<TEnum>.ToDatum(value)]);

    /// <summary>Values as the store has them.</summary>
    public static RowKey OfValues(ImmutableArray<Datum> values) => new(values);

    /// <summary>A string.</summary>
    public static implicit operator RowKey(string value) => new([Datum.FromString(value)]);

    /// <summary>An int64.</summary>
    public static implicit operator RowKey(long value) => new([Datum.FromInt64(value)]);

    /// <summary>A float64.</summary>
    public static implicit operator RowKey(double value) => new([Datum.FromFloat64(value)]);

    /// <summary>A decimal.</summary>
    public static implicit operator RowKey(decimal value) => new([Datum.FromDecimal(value)]);

    /// <summary>A bool.</summary>
    public static implicit operator RowKey(bool value) => new([Datum.FromBool(value)]);

    /// <summary>A UUID.</summary>
    public static implicit operator RowKey(Guid value) => new([Datum.FromUuid(value)]);

    /// <summary>A timestamp.</summary>
    public static implicit operator RowKey(DateTimeOffset value) => new([Mapping.Instants.ToDatum(value)]);

    /// <summary>Bytes.</summary>
    public static implicit operator RowKey(byte[] value) => new([Datum.FromBytes(value)]);

    /// <summary>Equality of all values.</summary>
    public static bool operator ==(RowKey a, RowKey b) => a.Equals(b);

    /// <summary>Inequality of any value.</summary>
    public static bool operator !=(RowKey a, RowKey b) => !a.Equals(b);

    /// <inheritdoc />
    public bool Equals(RowKey other) => Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is RowKey other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var value in Values)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc />
    public override string ToString() => string.Join("/", Values);
}
