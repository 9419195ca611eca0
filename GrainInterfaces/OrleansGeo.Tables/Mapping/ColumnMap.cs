using System.Reflection;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables.Mapping;

/// <summary>One property and the column it is kept in.</summary>
internal abstract class ColumnMap(PropertyInfo property, string column, DatumType type, bool acceptsNull)
{
    public PropertyInfo Property { get; } = property;

    public string Column { get; } = column;

    public DatumType Type { get; } = type;

    /// <summary>False when the property must have a value: a value type, or a reference that is declared not to be null.</summary>
    public bool AcceptsNull { get; } = acceptsNull;

    /// <summary>Property and column, as every text about them names them.</summary>
    public string Name => NameOf(Property, Column);

    public GeoMappingException Wrong(string what, Exception? inner = null) => Wrong(Property, Column, what, inner);

    /// <summary>What is wrong with a property that has no map.</summary>
    public static GeoMappingException Wrong(PropertyInfo property, string column, string what, Exception? inner = null) =>
        new(property.ReflectedType!, property.Name, column, $"{NameOf(property, column)} {what}", inner);

    private static string NameOf(PropertyInfo property, string column) =>
        $"the property {property.Name} of {property.ReflectedType!.Name}, column {column},";
}

/// <summary>A property of a known type. Its methods are called by compiled code for each row.</summary>
internal sealed class ColumnMap<TValue>(PropertyInfo property, string column, ValueConverter<TValue> converter, bool acceptsNull)
    : ColumnMap(property, column, converter.Type, acceptsNull)
{
    /// <summary>The column's value for the property; throws <see cref="GeoMappingException"/> when there is none.</summary>
    public TValue Read(Datum datum)
    {
        if (datum.IsNull)
        {
            return AcceptsNull ? default! : throw Wrong("takes no null, and the row has none there");
        }

        if (datum.Type != Type)
        {
            throw Wrong($"takes {DatumText.Expected(Type)}, and the row has a value of type {datum.Type}");
        }

        try
        {
            return converter.FromDatum(datum);
        }
        catch (Exception failure) when (failure is OverflowException or FormatException or JsonException or ArgumentException)
        {
            throw Wrong($"cannot take {Show(datum)}: {failure.Message}", failure);
        }
    }

    /// <summary>The property's value for the column; throws <see cref="GeoMappingException"/> when there is none.</summary>
    public Datum Write(TValue value)
    {
        if (value is null)
        {
            return AcceptsNull ? Datum.Null : throw Wrong("is not nullable, and is null");
        }

        try
        {
            return converter.ToDatum(value);
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException or JsonException or NotSupportedException)
        {
            throw Wrong($"cannot be written: {failure.Message}", failure);
        }
    }

    private static string Show(Datum datum) => DatumText.Quote(datum.ToString());
}

/// <summary>Makes the map of a property.</summary>
internal static class ColumnMaps
{
    public static ColumnMap Of(PropertyInfo property, string column, bool asJson, bool acceptsNull)
    {
        var type = property.PropertyType;
        var inner = Nullable.GetUnderlyingType(type);
        var converter = ValueConverters.Find(inner ?? type, asJson)
            ?? throw ColumnMap.Wrong(property, column, $"is a {type.Name}: {ValueConverters.Advice(inner ?? type)}");
        var method = inner is null ? nameof(Plain) : nameof(Lifted);
        return (ColumnMap)typeof(ColumnMaps).GetMethod(method, BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(inner ?? type).Invoke(null, [property, column, converter, acceptsNull])!;
    }

    private static ColumnMap<TValue> Plain<TValue>(
        PropertyInfo property, string column, ValueConverter<TValue> converter, bool acceptsNull) =>
        new(property, column, converter, acceptsNull);

    private static ColumnMap<TValue?> Lifted<TValue>(
        PropertyInfo property, string column, ValueConverter<TValue> converter, bool acceptsNull)
        where TValue : struct =>
        new(
            property, column, new(converter.Type, value => converter.ToDatum(value!.Value), datum => converter.FromDatum(datum)),
            acceptsNull);
}
