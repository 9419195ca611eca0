using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using System.Linq.Expressions;
using System.Reflection;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables.Mapping;

/// <summary>
/// How a type's objects are rows: which property is which column, decided once per type by reflection, and compiled. A column is a public
/// property that can be got and that a constructor or a setter (<c>init</c> too) can give back; its name is the property's with a small
/// first letter, unless <see cref="ColumnAttribute"/> names it. <see cref="NotMappedAttribute"/> leaves one out.
/// </summary>
internal sealed class RowMap<TRow>
    where TRow : class
{
    private static readonly Lazy<RowMap<TRow>> s_instance = new(() => new());
    private readonly Dictionary<string, int> _positions = new(StringComparer.Ordinal);
    private readonly Func<Datum[], TRow> _read;
    private readonly Func<TRow, Datum>[] _write;

    private RowMap()
    {
        var constructor = RowShape.ConstructorOf(typeof(TRow));
        Columns = RowShape.ColumnsOf(typeof(TRow), constructor);
        for (var i = 0; i < Columns.Length; i++)
        {
            if (!_positions.TryAdd(Columns[i].Column, i))
            {
                throw Columns[i].Wrong($"shares its column with the property {Columns[_positions[Columns[i].Column]].Property.Name}");
            }
        }

        _read = CompileRead(constructor);
        _write = [.. Columns.Select(CompileWrite)];
    }

    /// <summary>The map of the type; throws <see cref="GeoMappingException"/> when there cannot be one.</summary>
    public static RowMap<TRow> Instance => s_instance.Value;

    /// <summary>The mapped properties, in the order they are declared in.</summary>
    public ImmutableArray<ColumnMap> Columns { get; }

    /// <summary>The position of a column by name, or -1.</summary>
    public int PositionOf(string column) => _positions.TryGetValue(column, out var position) ? position : -1;

    /// <summary>The map of the property that a lambda names.</summary>
    public ColumnMap<TValue> ColumnOf<TValue>(Expression<Func<TRow, TValue>> property)
    {
        if (property.Body is MemberExpression { Member: PropertyInfo named, Expression: ParameterExpression })
        {
            foreach (var column in Columns)
            {
                if (string.Equals(column.Property.Name, named.Name, StringComparison.Ordinal) && column is ColumnMap<TValue> typed)
                {
                    return typed;
                }
            }
        }

        throw new GeoMappingException(
            typeof(TRow), null, null, $"{property.Body} names no property of {typeof(TRow).Name} that is a column");
    }

    /// <summary>A row as an object. Columns without a property are left out.</summary>
    public TRow Read(Row row)
    {
        var values = new Datum[Columns.Length];
        foreach (var (column, value) in row.Values)
        {
            if (_positions.TryGetValue(column, out var position))
            {
                values[position] = value;
            }
        }

        return _read(values);
    }

    /// <summary>The value of a property for its column, by position.</summary>
    public Datum Write(TRow row, int position) => _write[position](row);

    /// <summary>A table for rows of this type.</summary>
    public TableSpec ToSpec(string name, TableLocality locality, SurvivalGoal? survive)
    {
        var key = RowShape.KeyOf(Columns);
        if (key.IsEmpty)
        {
            throw new GeoMappingException(
                typeof(TRow), null, null, $"{typeof(TRow).Name} has no key: mark its properties [Key], or name one Id");
        }

        return new(
            name,
            [.. Columns.Select(column => new ColumnSpec(column.Column, column.Type, column.AcceptsNull && !key.Contains(column)))],
            [.. key.Select(column => column.Column)],
            locality,
            survive);
    }

    private Func<Datum[], TRow> CompileRead(ConstructorInfo constructor)
    {
        var values = Expression.Parameter(typeof(Datum[]));
        var inConstructor = constructor.GetParameters()
            .Select(parameter => Columns.Single(column => RowShape.Gives(parameter, column.Property))).ToArray();
        var made = Expression.New(constructor, inConstructor.Select(Value));
        var set = Columns.Except(inConstructor).Select(column => Expression.Bind(column.Property, Value(column)));
        return Expression.Lambda<Func<Datum[], TRow>>(Expression.MemberInit(made, set), values).Compile();

        Expression Value(ColumnMap column) => Expression.Call(
            Expression.Constant(column), "Read", null, Expression.ArrayIndex(values, Expression.Constant(Columns.IndexOf(column))));
    }

    private static Func<TRow, Datum> CompileWrite(ColumnMap column)
    {
        var row = Expression.Parameter(typeof(TRow));
        var write = Expression.Call(Expression.Constant(column), "Write", null, Expression.Property(row, column.Property));
        return Expression.Lambda<Func<TRow, Datum>>(write, row).Compile();
    }
}

/// <summary>What reflection says of a type of rows.</summary>
internal static class RowShape
{
    private const string JsonType = "json";

    /// <summary>The constructor that makes objects: one without parameters, else the only one.</summary>
    public static ConstructorInfo ConstructorOf(Type type)
    {
        var all = type.GetConstructors();
        var chosen = Array.Find(all, one => one.GetParameters().Length == 0) ?? (all.Length == 1 ? all[0] : null);
        if (type.IsAbstract || chosen is null)
        {
            throw new GeoMappingException(
                type, null, null, $"{type.Name} cannot be made: it needs one public constructor, or one without parameters");
        }

        var properties = PropertiesOf(type);
        foreach (var parameter in chosen.GetParameters())
        {
            if (!properties.Any(property => Gives(parameter, property)))
            {
                throw new GeoMappingException(
                    type, null, null, $"the constructor of {type.Name} has a parameter {parameter.Name} that is no mapped property");
            }
        }

        return chosen;
    }

    public static ImmutableArray<ColumnMap> ColumnsOf(Type type, ConstructorInfo constructor)
    {
        var nullability = new NullabilityInfoContext();
        var parameters = constructor.GetParameters();
        var columns = ImmutableArray.CreateBuilder<ColumnMap>();
        foreach (var property in PropertiesOf(type))
        {
            var attribute = property.GetCustomAttribute<ColumnAttribute>();
            var column = attribute?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            if (attribute?.TypeName is not null and not JsonType)
            {
                throw ColumnMap.Wrong(
                    property,
                    column,
                    $"asks for the column type {attribute.TypeName}; only json can be asked for, others follow from the property's type");
            }

            // What nothing says about null is not held against anybody.
            var acceptsNull = Nullable.GetUnderlyingType(property.PropertyType) is not null
                || (!property.PropertyType.IsValueType && nullability.Create(property).ReadState != NullabilityState.NotNull);
            columns.Add(ColumnMaps.Of(property, column, attribute?.TypeName is not null, acceptsNull));
            if (property.SetMethod is not { IsPublic: true } && !Array.Exists(parameters, parameter => Gives(parameter, property)))
            {
                throw columns[^1].Wrong("cannot be set: give it a setter, or mark it [NotMapped]");
            }
        }

        return columns.DrainToImmutable();
    }

    /// <summary>The key: what is marked, by the order it asks for, else by declaration; when nothing is, <c>Id</c>.</summary>
    public static ImmutableArray<ColumnMap> KeyOf(ImmutableArray<ColumnMap> columns)
    {
        var marked = columns.Where(column => column.Property.IsDefined(typeof(KeyAttribute)))
            .OrderBy(column => column.Property.GetCustomAttribute<ColumnAttribute>()?.Order ?? -1).ToImmutableArray();
        return marked.IsEmpty
            ? [.. columns.Where(column => string.Equals(column.Property.Name, "Id", StringComparison.OrdinalIgnoreCase))]
            : marked;
    }

    public static bool Gives(ParameterInfo parameter, PropertyInfo property) =>
        string.Equals(parameter.Name, property.Name, StringComparison.OrdinalIgnoreCase)
        && parameter.ParameterType == property.PropertyType;

    private static IEnumerable<PropertyInfo> PropertiesOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0
                && !property.IsDefined(typeof(NotMappedAttribute)))
            .OrderBy(property => property.MetadataToken);
}
