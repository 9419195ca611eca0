using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using System.Text.Json;

namespace OrleansGeo.Tests.Sdk;

public enum Colour
{
    Red,
    Green,
}

[Flags]
public enum Days
{
    None = 0,
    Monday = 1,
    Friday = 16,
}

/// <summary>A column of every type, and every C# type that becomes one, as a record.</summary>
public sealed record Everything(
    string Id, bool Flag, sbyte A, byte B, short C, ushort D, int E, uint F, long G, float H, double I, decimal J, Guid K,
    DateTimeOffset L, DateTime M, byte[] N, Colour O, Days P, JsonElement Q, [property: Column(TypeName = "json")] List<string> R);

/// <summary>The same types, as a class, where null is allowed.</summary>
public sealed class Perhaps
{
    public required string Id { get; init; }

    public bool? Flag { get; set; }

    public int? Number { get; set; }

    public double? Ratio { get; set; }

    public decimal? Price { get; set; }

    public Guid? Token { get; set; }

    public DateTimeOffset? At { get; set; }

    public byte[]? Bytes { get; set; }

    public Colour? Colour { get; set; }

    public string? Text { get; set; }

    [NotMapped]
    public string Shown => $"{Id}: {Text}";
}

/// <summary>A key of two columns, in another order than the properties.</summary>
public sealed record Visit(
    [property: Key, Column(Order = 2)] long Number, [property: Key, Column("where", Order = 1)] string Place, string? Note = null);

public sealed record Ticket(Guid? Id, string? State, string? Note = null);

public sealed record City(string Id, long Population, string? Mayor = null);
