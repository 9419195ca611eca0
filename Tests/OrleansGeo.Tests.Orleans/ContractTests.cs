using System.Reflection;
using System.Text;
using Orleans.Services;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Grains;

namespace OrleansGeo.Tests.Orleans;

/// <summary>
/// What silos and clients of different builds say to each other. A name that changes, or a type, is a call that no older build understands:
/// the list is checked in so that a change of it is seen.
/// </summary>
public sealed class ContractTests
{
    private static readonly Assembly[] s_assemblies = [typeof(IRangeGrain).Assembly, typeof(RangeGrain).Assembly];

    [Fact]
    public void The_contracts_are_those_of_the_checked_in_list()
    {
        var listed = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "contracts.txt")).ReplaceLineEndings("\n");
        Assert.Equal(listed, Describe());
    }

    [Fact]
    public void Every_contract_has_an_alias_and_ends_in_a_cancellation_token()
    {
        foreach (var contract in Contracts())
        {
            Assert.True(AliasOf(contract) is { Length: > 0 }, $"{contract.Name} has no alias");
            foreach (var method in contract.GetMethods())
            {
                Assert.True(AliasOf(method) is { Length: > 0 }, $"{contract.Name}.{method.Name} has no alias");
                Assert.True(
                    method.GetParameters()[^1].ParameterType == typeof(CancellationToken),
                    $"{contract.Name}.{method.Name} does not end in a token");
            }
        }
    }

    [Fact]
    public void Every_type_that_is_serialised_has_an_alias() =>
        Assert.All(Serialised(), type => Assert.True(AliasOf(type) is { Length: > 0 }, $"{type.Name} has no alias"));

    private static string Describe()
    {
        var text = new StringBuilder();
        foreach (var contract in Contracts())
        {
            text.Append(AliasOf(contract)).Append(" : ").Append(KeyOf(contract)).Append('\n');
            foreach (var method in contract.GetMethods().OrderBy(AliasOf, StringComparer.Ordinal))
            {
                text.Append("  ").Append(AliasOf(method)).Append('(')
                    .AppendJoin(", ", method.GetParameters().Select(parameter => NameOf(parameter.ParameterType))).Append(") ")
                    .Append(NameOf(method.ReturnType)).Append('\n');
            }
        }

        foreach (var type in Serialised())
        {
            text.Append(AliasOf(type)).Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<Type> Contracts() => s_assemblies.SelectMany(assembly => assembly.GetTypes())
        .Where(type => type.IsInterface && type.IsAssignableTo(typeof(IAddressable)))
        .OrderBy(AliasOf, StringComparer.Ordinal);

    private static IEnumerable<Type> Serialised() => s_assemblies.SelectMany(assembly => assembly.GetTypes())
        .Where(type => type.GetCustomAttribute<GenerateSerializerAttribute>() is not null && type.IsPublic)
        .OrderBy(AliasOf, StringComparer.Ordinal);

    private static string KeyOf(Type contract) =>
        contract.IsAssignableTo(typeof(IGrainService)) ? "service of every silo"
        : contract.IsAssignableTo(typeof(IGrainWithStringKey)) ? "grain with a string key"
        : "grain";

    private static string? AliasOf(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>()?.Alias;

    private static string NameOf(Type type) => !type.IsGenericType
        ? type.Name
        : $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>";
}
