using System.Collections;
using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Tests.Unit.Network;

/// <summary>
/// Makes values of any message type from a seed, and writes every public property of one as text. Both go by reflection, so that a field or
/// a case that is added later is tested from its first day.
/// </summary>
public static class AnyValue
{
    private static readonly NullabilityInfoContext s_nullability = new();

    public static object Make(Type type, Prng prng) => Simple(type, prng) ?? Composite(type, prng);

    public static IReadOnlyList<Type> CasesOf(Type abstractType) =>
    [
        .. abstractType.Assembly.GetTypes()
            .Where(t => t.IsSubclassOf(abstractType) && !t.IsAbstract)
            .OrderBy(t => t.Name, StringComparer.Ordinal),
    ];

    public static string Describe(object? value)
    {
        var text = new StringBuilder();
        Describe(value, text, 0);
        return text.ToString();
    }

    private static object? Simple(Type type, Prng prng)
    {
        if (type == typeof(TransactionStatus))
        {
            // No record says that there is none.
            return (TransactionStatus)prng.Between(1, 3);
        }

        if (type.IsEnum)
        {
            var values = Enum.GetValues(type);
            return values.GetValue(prng.Below(values.Length));
        }

        return type switch
        {
            _ when type == typeof(bool) => prng.Chance(0.5),
            _ when type == typeof(byte) => (byte)prng.Below(256),
            _ when type == typeof(uint) => (uint)prng.NextUInt64(),
            _ when type == typeof(int) => (int)Number(prng, int.MaxValue),
            _ when type == typeof(long) => Number(prng, long.MaxValue),
            _ when type == typeof(ulong) => prng.NextUInt64() >> prng.Below(64),
            _ when type == typeof(string) => "é" + prng.Below(1000).ToString(CultureInfo.InvariantCulture),
            _ when type == typeof(byte[]) => Bytes(prng),
            _ when type == typeof(ReadOnlyMemory<byte>) => new ReadOnlyMemory<byte>(Bytes(prng)),
            _ when type == typeof(Key) => new Key(Bytes(prng)),
            _ when type == typeof(Datum) => prng.Chance(0.5) ? Datum.FromInt64(Number(prng, long.MaxValue)) : Datum.FromBytes(Bytes(prng)),
            _ when type == typeof(NodeId) => new NodeId(prng.Below(1000)),
            _ when type == typeof(RowCheck) => new RowCheck(
                1 + prng.Below(9), (ScanOperator)Make(typeof(ScanOperator), prng), (Datum)Make(typeof(Datum), prng), Datum.Null),
            _ when type == typeof(WanPath) => WanPath.Add(prng.Chance(0.5) ? WanPath.Add(null, new(3), new(1)) : null, new(1), new(2)),
            _ => null,
        };
    }

    private static object Composite(Type type, Prng prng)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return Make(inner, prng);
        }

        if (type.IsArray)
        {
            return Items(type.GetElementType()!, prng);
        }

        if (type.IsGenericType && type.GetGenericArguments() is [var item] && type.IsAssignableTo(typeof(IEnumerable)))
        {
            var array = Items(item, prng);
            return type.GetGenericTypeDefinition() == typeof(ImmutableArray<>)
                ? typeof(ImmutableCollectionsMarshal).GetMethod(nameof(ImmutableCollectionsMarshal.AsImmutableArray))!
                    .MakeGenericMethod(item).Invoke(null, [array])!
                : array;
        }

        if (type.IsAbstract)
        {
            var cases = CasesOf(type);
            return Make(cases[prng.Below(cases.Count)], prng);
        }

        return Fill(type, prng);
    }

    private static Array Items(Type item, Prng prng)
    {
        var array = Array.CreateInstance(item, prng.Below(4));
        for (var i = 0; i < array.Length; i++)
        {
            array.SetValue(Make(item, prng), i);
        }

        return array;
    }

    private static object Fill(Type type, Prng prng)
    {
        var constructor = type.GetConstructors().MaxBy(c => c.GetParameters().Length)
            ?? throw new NotSupportedException($"{type} has no public constructor: say above how one is made");
        // A tuple does not say which of its items may be null, and none is here.
        var isTuple = type.IsAssignableTo(typeof(ITuple));
        var arguments = constructor.GetParameters()
            .Select(p => isTuple ? Make(p.ParameterType, prng) : MakeOrNull(s_nullability.Create(p), p.ParameterType, prng));
        var made = constructor.Invoke([.. arguments]);
        var given = constructor.GetParameters().Select(p => p.Name).ToArray();
        foreach (var property in Properties(type).Where(p => p.CanWrite && !given.Contains(p.Name)))
        {
            property.SetValue(made, MakeOrNull(s_nullability.Create(property), property.PropertyType, prng));
        }

        // What is gone says nothing more, and what is not says what it is of: half of a part is no message.
        if (type.GetProperty("Gone") is { } gone && type.GetProperty("Descriptor") is { } descriptor)
        {
            return (bool)gone.GetValue(made)! ? Gone(type, made) : Whole(descriptor, made, prng);
        }

        return made;
    }

    private static object Gone(Type type, object part)
    {
        var gone = Activator.CreateInstance(type)!;
        foreach (var property in type.GetProperties().Where(p => p.Name is "Gone" or "Range" or "Snapshot" or "Path"))
        {
            property.SetValue(gone, property.GetValue(part));
        }

        return gone;
    }

    private static object Whole(PropertyInfo descriptor, object part, Prng prng)
    {
        descriptor.SetValue(part, Make(descriptor.PropertyType, prng));
        return part;
    }

    private static object? MakeOrNull(NullabilityInfo info, Type type, Prng prng) =>
        info.WriteState == NullabilityState.Nullable && prng.Chance(0.3) ? null : Make(type, prng);

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.Name, StringComparer.Ordinal);

    private static long Number(Prng prng, long max)
    {
        var size = prng.Below(max) >> prng.Below(63);
        return prng.Chance(0.2) ? -size : size;
    }

    private static byte[] Bytes(Prng prng)
    {
        var bytes = new byte[prng.Chance(0.1) ? 0 : prng.Below(40)];
        prng.Fill(bytes);
        return bytes;
    }

    private static void Describe(object? value, StringBuilder text, int depth)
    {
        switch (value)
        {
            case null:
                text.AppendLine("null");
                return;
            case ReadOnlyMemory<byte> memory:
                text.AppendLine($"0x{Convert.ToHexStringLower(memory.Span)}");
                return;
            case byte[] bytes:
                text.AppendLine($"0x{Convert.ToHexStringLower(bytes)}");
                return;
            case WanPath path:
                text.AppendLine(string.Join(' ', path.ToList().Select(h => $"{h.From}>{h.To}")));
                return;
            case ITuple tuple:
                text.AppendLine("()");
                for (var i = 0; i < tuple.Length; i++)
                {
                    text.Append(' ', depth * 2).Append("- ");
                    Describe(tuple[i], text, depth + 1);
                }

                return;
            case IEnumerable items and not string:
                text.AppendLine("[]");
                foreach (var item in items)
                {
                    text.Append(' ', depth * 2).Append("- ");
                    Describe(item, text, depth + 1);
                }

                return;
        }

        var type = value.GetType();
        if (value is IFormattable or string or bool or Key or HlcTimestamp or Datum || type.IsEnum)
        {
            text.AppendLine(value.ToString());
            return;
        }

        text.AppendLine(type.Name);
        foreach (var property in Properties(type).Where(p => p.CanWrite))
        {
            text.Append(' ', depth * 2).Append(property.Name).Append(": ");
            Describe(property.GetValue(value), text, depth + 1);
        }
    }
}
