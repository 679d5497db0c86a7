/* Links the store with what stands below it and nothing else. */
int main(void)
{
	return 0;
}
